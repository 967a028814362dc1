"""`flask review`: decide about money that was held."""

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, refusing
from webapp.domain.desk import merchants
from webapp.domain.payments import reviews

group = AppGroup("review", help="Accept or dismiss a payment that is held in review.")

_merchant = click.option("--merchant", "slug", default="demo", show_default=True)


@group.command("accept")
@_merchant
@click.argument("name")
@refusing
def accept(*, slug: str, name: str) -> None:
    """Take the held money as payment: tickets and email follow. NAME is the order's reference."""
    link = reviews.accept(merchants.get(slug), name, actor=ACTOR)
    click.echo(f"{link.reference} is paid. Its tickets are on their way.")


@group.command("dismiss")
@_merchant
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is kept with the order.")
@refusing
def dismiss(*, slug: str, name: str, reason: str) -> None:
    """Do not take the held money as payment. `flask refunds request` sends it back."""
    link = reviews.dismiss(merchants.get(slug), name, reason=reason, actor=ACTOR)
    click.echo(f"{link.reference} is canceled. The money is still where the provider has it.")
