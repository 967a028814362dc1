"""Static files under names that carry their content's hash, so that browsers keep them for ever."""

import gzip
import hashlib
import tempfile
from pathlib import Path, PurePosixPath

import structlog
from flask import Flask
from whitenoise import WhiteNoise

PREFIX = "/static/"

logger = structlog.get_logger(__name__)

# What is compressed already, or so small that it would not shrink below one packet.
_PLAIN_SUFFIXES = {".png", ".jpg", ".woff2"}
_WORTH_IT = 1_400


class StaticFiles:
    """Every file of a folder, once under its own name and once under its hashed one."""

    def __init__(self, folder: Path, *, built: Path) -> None:
        """Read the folder.

        Args:
            folder: the files as they are written.
            built: where their hashed and compressed copies are kept. Nothing there is ever changed,
                so that any number of processes may share it.
        """
        self._folder = folder
        self._built = built
        self._contents = {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        self._hashed = {name: _hashed(name, self._contents[name]) for name in self._contents}

    def url(self, name: str) -> str:
        """Return the address of a file; it changes with the file.

        Raises:
            KeyError: there is no such file, which a test should have noticed.
        """
        return PREFIX + self._hashed[name]

    def serve(self, app: Flask) -> None:
        """Answer for the files before the app is asked, and give templates `asset(name)`."""
        hashed_urls = {PREFIX + hashed for hashed in self._hashed.values()}
        server = WhiteNoise(
            app.wsgi_app,
            max_age=3600,
            immutable_file_test=lambda _path, url: url in hashed_urls,
        )
        is_built = self._build()
        for name, hashed in self._hashed.items():
            file = str(self._built / hashed) if is_built else str(self._folder / name)
            server.add_file_to_dictionary(PREFIX + name, file)
            server.add_file_to_dictionary(PREFIX + hashed, file)
        app.wsgi_app = server  # type: ignore[method-assign]  # Flask's own way of wrapping
        app.jinja_env.globals["asset"] = self.url

    def _build(self) -> bool:
        """Write the copies that WhiteNoise chooses from; say whether they are all there."""
        try:
            for name, hashed in self._hashed.items():
                content, file = self._contents[name], self._built / hashed
                if not file.exists():
                    _write(file, content)
                is_worth_it = len(content) >= _WORTH_IT and file.suffix not in _PLAIN_SUFFIXES
                small = file.with_name(f"{file.name}.gz")
                if is_worth_it and not small.exists():
                    _write(small, gzip.compress(content, compresslevel=9, mtime=0))
        except OSError as error:
            # A read-only disk: the files as they are, without their compressed copies.
            logger.warning("static_files_uncompressed", reason=type(error).__name__)
            return False
        return True


def _write(file: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as unfinished:
        unfinished.write(content)
    made = Path(unfinished.name)
    made.chmod(0o644)
    made.replace(file)


def _hashed(name: str, content: bytes) -> str:
    path = PurePosixPath(name)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return str(path.with_name(f"{path.stem}.{digest}{path.suffix}"))
