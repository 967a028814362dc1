"""Bad input is refused with the name of its field, and nothing is written."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.factories import Factories
from webapp.core import clock
from webapp.core.errors import AccountNotConnectedError, InvalidInputError, NotFoundError
from webapp.core.money import Money
from webapp.core.states import AccountState, LinkState
from webapp.domain.payments import accounts, links
from webapp.domain.payments.links import Order
from webapp.extensions import db
from webapp.models import PaymentEvent, PaymentLink


def order(amount: str = "25.00", currency: str = "EUR", **others: object) -> Order:
    values: dict[str, object] = {"title": "Two tickets", "money": Money.parse(amount, currency)}
    return Order(**(values | others))  # type: ignore[arg-type]  # the test chooses the words


BAD: dict[str, tuple[str, Callable[[], Order]]] = {
    "an amount of zero": ("amount", lambda: order("0")),
    "an amount of zero cents": ("amount", lambda: order(money=Money(0, "EUR"))),
    "a negative amount": ("amount", lambda: order("-1")),
    "a third decimal": ("amount", lambda: order("1.999")),
    "a decimal where there are none": ("amount", lambda: order("1.5", "JPY")),
    "too much": ("amount", lambda: order("100000000.00")),
    "too much of minor units": ("amount", lambda: order(money=Money(10_000_000_000, "EUR"))),
    "no number": ("amount", lambda: order("1e3")),
    "an unknown currency": ("currency", lambda: order("25", "XXX")),
    "a currency of markup": ("currency", lambda: order("25", "<b>")),
    "an end in the past": (
        "expires_at",
        lambda: order(expires_at=clock.now() - timedelta(seconds=1)),
    ),
    "an end in years": ("expires_at", lambda: order(expires_at=clock.now() + timedelta(days=367))),
    "an empty title": ("title", lambda: order(title=" \t ")),
    "a title of 10,000 characters": ("title", lambda: order(title="x" * 10_000)),
    "a title of two lines": ("title", lambda: order(title="one\ntwo")),
    "a title with a null": ("title", lambda: order(title="one\x00two")),
    "a title that is written backwards": ("title", lambda: order(title="one\u202etwo")),
    "half a character": ("title", lambda: order(title="one\ud800two")),
    "a name with a bell": ("buyer_name", lambda: order(buyer_name="Ada\x07")),
    "a long name": ("buyer_name", lambda: order(buyer_name="A" * 121)),
    "no address": ("buyer_email", lambda: order(buyer_email="ada")),
    "two addresses": ("buyer_email", lambda: order(buyer_email="a@b.example,c@d.example")),
    "an address with a header": ("buyer_email", lambda: order(buyer_email="a@b.example\nBcc: c")),
    "minus one ticket": ("tickets", lambda: order(ticket_count=-1)),
    "too many tickets": ("tickets", lambda: order(ticket_count=21)),
}


def written() -> list[int]:
    counts = [select(func.count()).select_from(table) for table in (PaymentLink, PaymentEvent)]
    return [db.session.scalars(count).one() for count in counts]


@pytest.mark.parametrize(("field", "wish"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_by_its_field_and_nothing_is_written(
    make: Factories, field: str, wish: Callable[[], Order]
) -> None:
    shop = make.shop
    with pytest.raises(InvalidInputError) as refusal:
        links.make(shop, wish(), actor="test")
    assert refusal.value.field == field
    assert written() == [0, 0]


@pytest.mark.parametrize(
    "reference",
    ["", "two words", "a|b", "<b>", "ORD_1", "x" * 33, "Ä-1", "TEST-001\n", "new", "Rows", "NEW"],
)
def test_a_reference_that_no_ticket_and_no_address_could_carry_is_refused(
    make: Factories, reference: str
) -> None:
    shop = make.shop
    with pytest.raises(InvalidInputError) as refusal:
        links.make(shop, order(), actor="test", reference=reference)
    assert refusal.value.field == "reference"
    assert written() == [0, 0]


def test_a_reference_is_given_once(make: Factories) -> None:
    links.make(make.shop, order(), actor="test", reference="TEST-001")
    with pytest.raises(InvalidInputError, match=r"reference: .* is taken"):
        links.make(make.shop, order(), actor="test", reference="TEST-001")
    assert written() == [1, 1]


def test_markup_is_text_and_kept_as_such(make: Factories) -> None:
    title, name = "<script>alert('x')</script> & {{ 7 * 7 }}", "<b>Ada</b>"
    link = make.draft(title=f"  {title} ", buyer_name=name)
    assert (link.title, link.buyer_name) == (title, name)


def test_the_largest_order_is_accepted(make: Factories) -> None:
    link = make.draft(
        title="x" * 200,
        money=Money.parse("99999999.99", "EUR"),
        ticket_count=20,
        expires_at=clock.now() + timedelta(days=365),
    )
    assert link.money == Money(9_999_999_999, "EUR")
    assert links.open_(make.shop, link.code, actor="test").state is LinkState.OPEN


def test_what_is_not_said_is_left_open(make: Factories, configure: Callable[..., object]) -> None:
    configure(link_life_h=2)
    link = links.make(make.shop, order(), actor="test")
    assert (link.buyer_email, link.buyer_name, link.event_id, link.ticket_count) == (
        None,
        None,
        None,
        0,
    )
    assert timedelta(hours=1, minutes=59) < link.expires_at - clock.now() <= timedelta(hours=2)


def test_an_event_of_another_merchant_is_not_there(make: Factories) -> None:
    theirs = make.event()
    stranger = make.merchant()
    with pytest.raises(NotFoundError):
        links.make(stranger, order(event=theirs, ticket_count=1), actor="test")
    assert written() == [0, 0]


def test_a_merchant_without_an_account_makes_no_link(make: Factories) -> None:
    account = accounts.active(make.shop)
    make.change(account, state=AccountState.DISCONNECTING)
    with pytest.raises(AccountNotConnectedError):
        links.make(make.shop, order(), actor="test")
    assert written() == [0, 0]
