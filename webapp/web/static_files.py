"""Static files under names that carry their content's hash, so that browsers keep them for ever."""

import hashlib
from pathlib import Path, PurePosixPath

from flask import Flask
from whitenoise import WhiteNoise

PREFIX = "/static/"


class StaticFiles:
    """Every file of a folder, once under its own name and once under its hashed one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashed = {
            name: _hashed(name, (folder / name).read_bytes())
            for name in sorted(
                str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()
            )
        }

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
        server.add_files(str(self._folder), prefix=PREFIX)
        for name in self._hashed:
            server.add_file_to_dictionary(self.url(name), str(self._folder / name))
        app.wsgi_app = server  # type: ignore[method-assign]  # Flask's own way of wrapping
        app.jinja_env.globals["asset"] = self.url


def _hashed(name: str, content: bytes) -> str:
    path = PurePosixPath(name)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return str(path.with_name(f"{path.stem}.{digest}{path.suffix}"))
