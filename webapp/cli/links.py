"""`flask links`: make, open, cancel and show payment links."""

import re
from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, refusing
from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.core.public_status import LINK_STATUS
from webapp.domain.desk import merchants
from webapp.domain.payments import given, links, trails
from webapp.domain.tickets import events
from webapp.models import PaymentLink

group = AppGroup("links", help="Make, open, cancel and show payment links.")

_SPAN = re.compile(r"(\d{1,5})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

_merchant = click.option(
    "--merchant", "slug", default="demo", show_default=True, help="The merchant's short name."
)


@group.command("make")
@_merchant
@click.option("--title", required=True, help="What it is for, one line.")
@click.option("--amount", required=True, help="In major units: 25 or 25.00.")
@click.option("--currency", default="EUR", show_default=True, help="Three letters.")
@click.option("--tickets", type=int, default=0, show_default=True, help="How many it buys.")
@click.option("--event", "event_reference", help="The event's reference, EVT-….")
@click.option("--buyer-email", help="Where the tickets go; the buyer is asked otherwise.")
@click.option("--buyer-name", help="Printed on the tickets.")
@click.option("--expires", help="A span such as 30m, 24h, 7d, or a moment with its time zone.")
@click.option("--reference", help="The order's own reference, where it must be a certain one.")
@click.option("--open", "opens", is_flag=True, help="Open it at once.")
@refusing
def make(  # noqa: PLR0913  # one argument an option
    *,
    slug: str,
    title: str,
    amount: str,
    currency: str,
    tickets: int,
    event_reference: str | None,
    buyer_email: str | None,
    buyer_name: str | None,
    expires: str | None,
    reference: str | None,
    opens: bool,
) -> None:
    """Make a link; it is a DRAFT until it is opened."""
    merchant = merchants.get(slug)
    order = links.Order(
        title=title,
        money=Money.parse(amount, currency),
        buyer_email=buyer_email,
        buyer_name=buyer_name,
        expires_at=_moment(expires) if expires else None,
        event=events.get(merchant, event_reference) if event_reference else None,
        ticket_count=tickets,
    )
    link = links.make(merchant, order, actor=ACTOR, reference=reference)
    if opens:
        link = links.open_(merchant, link.reference, actor=ACTOR)
    _tell(link)


@group.command("open")
@_merchant
@click.argument("name")
@refusing
def open_(*, slug: str, name: str) -> None:
    """Put a DRAFT up for payment. NAME is its code, reference or public id."""
    _tell(links.open_(merchants.get(slug), name, actor=ACTOR))


@group.command("cancel")
@_merchant
@click.argument("name")
@refusing
def cancel(*, slug: str, name: str) -> None:
    """End a link unpaid; a payment that could be on its way is closed first by a worker."""
    link = links.cancel(merchants.get(slug), name, actor=ACTOR)
    _tell(link)
    if link.closing_for is not None:
        click.echo("Canceling: a payment could be on its way, a worker closes it first.")


@group.command("adopt")
@_merchant
@click.argument("name")
@click.option("--checkout-id", required=True, help="The provider's name for the checkout.")
@click.option("--order-id", help="The provider's name for the order behind it.")
@refusing
def adopt(*, slug: str, name: str, checkout_id: str, order_id: str | None) -> None:
    """Watch a checkout that was made elsewhere, at a billing service, as this link's payment."""
    attempt = given.adopt(
        merchants.get(slug), name, checkout_id=checkout_id, order_id=order_id, actor=ACTOR
    )
    click.echo(f"{attempt.reference} watches {checkout_id}")


@group.command("show")
@_merchant
@click.argument("name")
@refusing
def show(*, slug: str, name: str) -> None:
    """Show a link with its audit trail."""
    link = links.get(merchants.get(slug), name)
    _tell(link)
    for event in trails.of_link(link):
        change = f"{event.from_state} → {event.to_state}" if event.to_state else ""
        about = event.subject if event.subject != link.reference else ""
        words = (clock.iso(event.happened_at), event.name, change, about, f"by {event.actor}")
        click.echo("  ".join(word for word in words if word))


def _tell(link: PaymentLink) -> None:
    status = LINK_STATUS[link.state]
    click.echo(f"{link.reference}  {status.code}  {link.money}  {link.title}")
    click.echo(f"{links.pay_url(link.code)}  until {clock.iso(link.expires_at)}")


def _moment(text: str) -> datetime:
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return clock.now() + timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
    try:
        return clock.parse(text)
    except ValueError as error:
        reason = f"is neither a span such as 24h nor a moment: {error}"
        raise InvalidInputError("expires", reason) from None
