"""Every button of the bank, pressed at real processes with shorter waits than in production."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest

from dev.buyer import Buyer
from dev.office import Office
from tests.e2e.conftest import Place, eventually

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("place")]

# A link without an end of its own stays open for a day.
_LIFE: Final = {"late": timedelta(seconds=5), "silent": timedelta(seconds=5)}
# "Be down" comes last: whatever is read of this account afterwards has to wait for it too.
_ORDER: Final = ("late", "silent", "pay", "decline", "wrong", "twice", "lose", "down")


@dataclass(frozen=True)
class Pressed:
    """The link of each button that was pressed."""

    place: Place
    office: Office
    codes: Mapping[str, str]

    def ends(self, button: str, state: str) -> str:
        """Wait until the button's link is in a state, and return the link's reference."""
        code = self.codes[button]
        eventually(lambda: self.look(code, "state") == state)
        return str(self.look(code, "reference"))

    def look(self, code: str, column: str) -> object:
        """Return one column of the link."""
        with self.office.books() as books:
            found = books.execute("SELECT * FROM payment_link WHERE code = %s", [code]).fetchone()
        assert found is not None
        return found[column]

    def captures(self, button: str) -> list[tuple[str, int]]:
        """Return what was taken for the button's link: each capture's state and amount."""
        with self.office.books() as books:
            rows = books.execute(
                "SELECT state, amount_minor FROM capture WHERE link_id ="
                " (SELECT id FROM payment_link WHERE code = %s) ORDER BY id",
                [self.codes[button]],
            ).fetchall()
        return [(row["state"], row["amount_minor"]) for row in rows]

    def events(self, button: str) -> list[str]:
        """Return the names of what happened to the button's link."""
        with self.office.books() as books:
            rows = books.execute(
                "SELECT name FROM payment_event WHERE link_id ="
                " (SELECT id FROM payment_link WHERE code = %s) ORDER BY version",
                [self.codes[button]],
            ).fetchall()
        return [row["name"] for row in rows]

    def shown(self, button: str) -> str:
        """Return the page that the buyer is led to in the end."""
        buyer = Buyer(self.place.stack.url)
        buyer.client.follow_redirects = True
        try:
            return buyer.client.get(f"/pay/{self.codes[button]}/processing").url.path
        finally:
            buyer.close()


@pytest.fixture(scope="module")
def pressed(place: Place, office: Office) -> Pressed:
    """All buttons pressed, one after the other; what becomes of them is for the tests to see."""
    codes = {}
    for number, button in enumerate(_ORDER):
        codes[button] = office.link(number, life=_LIFE.get(button))
        buyer = Buyer(place.stack.url)
        page = buyer.start(codes[button])
        assert page is not None
        buyer.press(page, button)
        buyer.close()
    return Pressed(place, office, codes)


def _has_its_tickets(pressed: Pressed, button: str) -> None:
    reference = pressed.ends(button, "PAID")
    assert pressed.captures(button) == [("FULFILS", 2500)]
    assert len(eventually(lambda: pressed.place.mail(reference))) == 1
    assert pressed.shown(button).endswith("/success")


@pytest.mark.parametrize("button", ["pay", "twice", "lose", "down"])
def test_money_that_was_taken_becomes_tickets_once(pressed: Pressed, button: str) -> None:
    _has_its_tickets(pressed, button)


def test_a_declined_payment_leaves_the_link_open_for_another_try(pressed: Pressed) -> None:
    eventually(lambda: "attempt_failed" in pressed.events("decline"))
    pressed.ends("decline", "OPEN")
    assert pressed.captures("decline") == []
    pressed.ends("down", "PAID")  # until then the bank is away, and whoever starts waits long
    buyer = Buyer(pressed.place.stack.url)
    page = buyer.start(pressed.codes["decline"])
    assert page is not None
    buyer.press(page, "pay")
    buyer.close()
    _has_its_tickets(pressed, "decline")


def test_a_wrong_amount_waits_for_a_person(pressed: Pressed) -> None:
    reference = pressed.ends("wrong", "REVIEW")
    assert pressed.captures("wrong") == [("HELD", 2600)]
    eventually(lambda: len(pressed.place.mail(reference)) == 2)
    # To the operator and the owner; no tickets.
    alert = f"[Tillgate CRITICAL] Amount Mismatch - Order {reference}"
    assert [message["Subject"] for message in pressed.place.mail(reference)] == [alert] * 2
    assert pressed.shown("wrong").endswith("/review")


def test_money_that_comes_after_the_end_still_buys_the_tickets(pressed: Pressed) -> None:
    eventually(lambda: "link_expired" in pressed.events("late"))
    _has_its_tickets(pressed, "late")
    assert "paid_late" in pressed.events("late")


def test_where_nobody_pays_the_checkout_is_closed_and_the_link_expires(pressed: Pressed) -> None:
    pressed.ends("silent", "EXPIRED")
    assert pressed.captures("silent") == []
    assert not pressed.look(pressed.codes["silent"], "may_hold_money")
    assert pressed.shown("silent").endswith("/expired")


def test_the_audit_finds_every_payment_ended(pressed: Pressed) -> None:
    for button in ("pay", "twice", "lose", "down", "late"):
        pressed.ends(button, "PAID")
    pressed.ends("wrong", "REVIEW")
    assert "All captured money has ended." in pressed.place.flask("payments", "audit")
