"""How commands end: a refusal is one sentence on stderr and an exit code, never a traceback."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import click

from webapp.core.errors import InvalidInputError
from webapp.refusals import explain

P = ParamSpec("P")
T = TypeVar("T")

# As `argparse`, `click` and the shell have it: 2 is a wrong word, 1 is anything else.
WRONG_INPUT: Final = 2
REFUSED: Final = 1

ACTOR: Final = "cli"


def refusing(command: Callable[P, T]) -> Callable[P, T]:
    """Turn what the domain refuses into one sentence and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:  # noqa: BLE001  # `explain` logs what it does not know
            refusal = explain(error)
            click.echo(f"Error: {refusal.detail or refusal.title}", err=True)
            sys.exit(WRONG_INPUT if isinstance(error, InvalidInputError) else REFUSED)

    return run
