"""`flask mail`: see what was promised by email, and send again what was given up."""

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, refusing
from webapp.core import clock, text
from webapp.domain.messages import resending

group = AppGroup("mail", help="See promised emails, and send again what was given up.")


@group.command("list")
@click.option("--failed", is_flag=True, help="Only what was given up.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@refusing
def list_(*, failed: bool, limit: int) -> None:
    """List promised emails, the newest first. Addresses are masked."""
    for message in resending.latest(failed_only=failed, limit=limit):
        words = (
            message.reference,
            message.link.reference,
            message.state,
            text.masked(message.to_address),
            clock.iso(message.sent_at) if message.sent_at else message.last_error,
        )
        click.echo("  ".join(word for word in words if word))


@group.command("retry")
@click.argument("name")
@click.option("--to", help="The right address, where the old one was wrong.")
@refusing
def retry(*, name: str, to: str | None) -> None:
    """Send again what FAILED. NAME is a message (msg-…), or an order's reference or code."""
    link = resending.retry(name, to=to, actor=ACTOR)
    click.echo(f"{link.reference}: its email is in the queue again.")
