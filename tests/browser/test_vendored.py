"""The libraries that the pages serve are the ones their README names."""

import hashlib
import re

from tests.browser.status_server import STATIC


def test_each_vendored_library_is_the_file_its_readme_names() -> None:
    folders = list((STATIC / "vendor").iterdir())
    assert folders
    for folder in folders:
        readme = (folder / "README.md").read_text(encoding="utf-8")
        (script,) = folder.glob("*.js")
        assert re.findall(r"sha256 `(\w+)`", readme) == [
            hashlib.sha256(script.read_bytes()).hexdigest()
        ]
        assert (folder / "LICENSE").stat().st_size > 0
