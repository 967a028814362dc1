"""`flask user`: passwords of people who sign in. A password never stands among the words."""

import sys

import click
from flask.cli import AppGroup

from webapp.cli.shell import refusing
from webapp.domain.desk import users

user_group = AppGroup("user", help="Look after people who sign in.")

password_stdin = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the password from standard input, one line, in place of asking for it.",
)


@user_group.command("password")
@click.argument("email")
@password_stdin
@refusing
def set_password(*, email: str, from_stdin: bool) -> None:
    """Give the user who signs in with EMAIL a new password; all their sessions end.

    It is asked for twice and not shown. In a script: --password-stdin.
    """
    user = users.set_password(email, read_password(from_stdin=from_stdin))
    click.echo(f"{user.email} has a new password.")


def read_password(*, from_stdin: bool) -> str:
    """Ask for a new password twice without showing it, or take one line of standard input."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    return asked
