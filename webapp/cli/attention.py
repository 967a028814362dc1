"""`flask attention`: what waits for a person, and saying that it was looked after."""

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, refusing
from webapp.core import clock
from webapp.domain.desk import merchants
from webapp.domain.payments import matters
from webapp.models.attention_item import KINDS

group = AppGroup("attention", help="See what waits for a person, and end it.")


@group.command("list")
@click.option("--merchant", "slug", help="Only this merchant's; everybody's unless said.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@refusing
def list_(*, slug: str | None, limit: int) -> None:
    """List what waits, the oldest first: merchant, order, kind, what it is about, since when."""
    merchant = merchants.get(slug) if slug else None
    for item in matters.waiting(merchant, limit=limit):
        words = (
            item.link.merchant.slug,
            item.link.reference,
            item.kind,
            item.subject,
            clock.iso(item.raised_at),
            item.sentence,
        )
        click.echo("  ".join(words))


@group.command("end")
@click.option("--merchant", "slug", default="demo", show_default=True)
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--about", help="What it is about, where the order has several of the kind.")
@click.option("--reason", required=True, help="What was done about it; it is kept with the order.")
@refusing
def end(*, slug: str, name: str, kind: str, about: str | None, reason: str) -> None:
    """Say that something was looked after. NAME is the order's reference.

    Surplus money stays with the merchant then. `flask refunds request` sends it back instead.
    """
    merchant = merchants.get(slug)
    found = matters.find(merchant, name, kind, about)
    item = matters.end(merchant, name, found.id, reason=reason, actor=ACTOR)
    click.echo(f"{item.link.reference}: {item.kind} of {item.subject} was looked after.")
