"""`flask refunds`: ask that money be sent back, note what was, and see what became of it."""

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, refusing
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.domain.budget import Budget
from webapp.domain.desk import merchants
from webapp.domain.payments import links, refund_rounds, refunds
from webapp.extensions import settings
from webapp.models import Refund

group = AppGroup("refunds", help="Send money back, and see what became of it.")

_merchant = click.option("--merchant", "slug", default="demo", show_default=True)


@group.command("request")
@_merchant
@click.argument("name")
@click.option("--amount", help="In major units: 5 or 5.00. All that is left where nothing is said.")
@click.option("--currency", help="Where it is not the order's own.")
@click.option("--payment", help="The provider's reference, where the order has several payments.")
@click.option("--reason", required=True, help="Why; it is kept with the order.")
@refusing
def request(
    *,
    slug: str,
    name: str,
    amount: str | None,
    currency: str | None,
    payment: str | None,
    reason: str,
) -> None:
    """Ask that an order's money be sent back; a worker does it. NAME is the order's reference."""
    merchant = merchants.get(slug)
    link = links.get(merchant, name)
    if currency and amount is None:
        raise InvalidInputError("currency", "is said without an amount")
    money = None if amount is None else Money.parse(amount, currency or link.currency)
    refund = refunds.request(
        merchant, name, reason=reason, actor=ACTOR, amount=money, payment=payment
    )
    _tell(refund)


@group.command("note")
@_merchant
@click.argument("name")
@click.option("--amount", help="In major units: 5 or 5.00. All that is left where nothing is said.")
@click.option("--payment", help="The provider's reference, where the order has several payments.")
@click.option("--reason", required=True, help="Why; it is kept with the order.")
@refusing
def note(*, slug: str, name: str, amount: str | None, payment: str | None, reason: str) -> None:
    """Note what was sent back by hand, at a provider that does not do it for us.

    NAME is the order's reference. No money is moved by this.
    """
    merchant = merchants.get(slug)
    money = None if amount is None else Money.parse(amount, links.get(merchant, name).currency)
    _tell(refunds.note(merchant, name, reason=reason, actor=ACTOR, amount=money, payment=payment))


@group.command("list")
@_merchant
@click.argument("name")
@refusing
def list_(*, slug: str, name: str) -> None:
    """Show an order's refunds, the oldest first."""
    for refund in refunds.of_link(links.get(merchants.get(slug), name)):
        _tell(refund)


@group.command("run")
@refusing
def run() -> None:
    """Take one round with every refund that is due, as a worker does."""
    summary = refund_rounds.run_due(Budget.of(seconds=settings.drain_for_s))
    ended = ", ".join(f"{count} {state}" for state, count in sorted(summary.ended.items()))
    click.echo(f"{summary.steps} steps; {ended or 'nothing has changed'}")


def _tell(refund: Refund) -> None:
    said = f"  ({refund.last_answer})" if refund.last_answer else ""
    payment = refund.capture.payment_reference
    click.echo(f"{refund.reference}  {refund.state}  {refund.money}  of {payment}{said}")
