"""Fetches the browser libraries that the pages serve themselves: `python dev/vendor.py`.

Each is taken from its npm package at an exact version, through `npm pack` and whatever registry the
user's npm is set up for, and is written only when its sha256 is the one below. For a new version
change both, run this, and mend the paths in the templates.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VENDOR: Final = Path(__file__).resolve().parents[1] / "static" / "vendor"


@dataclass(frozen=True)
class Library:
    """One file of one npm package."""

    package: str
    version: str
    name: str
    file: str
    sha256: str
    license: str


LIBRARIES: Final = (
    Library(
        package="htmx.org",
        version="2.0.11",
        name="htmx",
        file="dist/htmx.min.js",
        sha256="d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
        license="0BSD",
    ),
)

README: Final = """\
# {name} {version}

`{file}` of the npm package `{package}`, version {version}, unchanged; {license} (see `LICENSE`).

sha256 `{sha256}`

Written by `python dev/vendor.py`. Do not edit.
"""


class VendorError(Exception):
    """A library could not be fetched, or is not the one that was asked for."""


def packed(library: Library, folder: Path) -> dict[str, bytes]:
    """Fetch a package into the folder; return its files by their path in the package.

    Raises:
        VendorError: npm is missing or could not get the package.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise VendorError("npm is not installed; it is needed only to refresh static/vendor")
    wanted = f"{library.package}@{library.version}"
    done = subprocess.run(
        [npm, "pack", wanted, "--json", "--pack-destination", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise VendorError(f"npm could not fetch {wanted}:\n{done.stderr.strip()}")
    with tarfile.open(folder / json.loads(done.stdout)[0]["filename"]) as archive:
        return {
            member.name.removeprefix("package/"): file.read()
            for member in archive
            if (file := archive.extractfile(member))
        }


def refresh(library: Library) -> Path:
    """Write a library, its licence and a README into its folder; return the folder.

    Raises:
        VendorError: it could not be fetched, or its sha256 differs. Nothing was written then.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = packed(library, Path(folder))
    found = hashlib.sha256(files[library.file]).hexdigest()
    if found != library.sha256:
        raise VendorError(f"{library.file} of {library.package} has the sha256 {found}")
    home = VENDOR / f"{library.name}-{library.version}"
    home.mkdir(parents=True, exist_ok=True)
    (home / Path(library.file).name).write_bytes(files[library.file])
    (home / "LICENSE").write_bytes(files["LICENSE"])
    (home / "README.md").write_text(README.format_map(vars(library)), encoding="utf-8")
    return home


def main() -> int:
    """Refresh every library; return the exit code."""
    for library in LIBRARIES:
        try:
            print(f"wrote {refresh(library)}")
        except VendorError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
