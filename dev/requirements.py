"""`make requirements`: compile the ranges of pyproject.toml to exact pins with hashes."""

import subprocess
from typing import Final

from dev import paths
from dev.terminal import CommandError, finish, step

_COMMON: Final = (
    "uv --no-config pip compile pyproject.toml --universal --python-version 3.11 "
    "--generate-hashes --no-header --no-emit-index-url --no-emit-find-links"
)


def main(_words: list[str]) -> int:
    """Write requirements.txt, and requirements-dev.txt on top of it."""
    # An index, a proxy or a folder of this machine must not leave its address in the files.
    environment = {
        name: value
        for name, value in paths.environment().items()
        if not name.startswith(("PIP_", "UV_")) or name == "UV_CACHE_DIR"
    }
    for file, words in (
        ("requirements.txt", ""),
        ("requirements-dev.txt", "--group dev --constraints requirements.txt"),
    ):
        with step(file):
            done = subprocess.run(
                [*_COMMON.split(), *words.split(), "--output-file", file],
                cwd=paths.ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise CommandError(done.stderr.strip())
    return 0


if __name__ == "__main__":
    finish(main)
