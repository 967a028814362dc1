"""The desk's forms. They ask the rules themselves what is wrong, and say it at the field."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Self

from flask_wtf import FlaskForm
from wtforms import (
    EmailField,
    Field,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import NumberRange, Optional
from wtforms.widgets import DateTimeLocalInput

from webapp import paper
from webapp.core import clock, references, text, wall_clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import EXPONENTS, Money
from webapp.domain.payments import accounts, links, matters, refunds, reviews
from webapp.domain.tickets import events
from webapp.models import Event, Merchant, PaymentLink
from webapp.web.dashboard.sentences import spoken

# In hours.
LIVES: Final = {
    "1": "1 hour",
    "24": "24 hours",
    "72": "3 days",
    "168": "7 days",
    "720": "30 days",
}
USUAL_LIFE: Final = "24"

NO_EVENT: Final = ""
NEW_EVENT: Final = "new"

# 1,000 is a thousand to some and one to others.
_AMBIGUOUS: Final = re.compile(r"[0-9]+[.,][0-9]{3,}")
_WITH_COMMA: Final = re.compile(r"[0-9]+,[0-9]{1,2}")


def amount(typed: str, currency: str) -> Money:
    """Read an amount as people type it: `25`, `25.00`, `25,00`.

    Raises:
        InvalidInputError: it is none, or could be read in two ways.
    """
    plain = typed.strip()
    if _AMBIGUOUS.fullmatch(plain):
        raise InvalidInputError(
            "amount", "has at most 2 decimals and nothing between thousands: 1000.00"
        )
    if _WITH_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    return Money.parse(plain, currency)


@cache
def offered_timezones() -> list[str]:
    """Return the zones that people live in, and UTC."""
    places = (name for name in wall_clock.timezones() if re.match(r"[A-Z][a-z]+/", name))
    return ["UTC", *sorted(name for name in places if not name.startswith("Etc/"))]


def checked(act: Callable[[], Any]) -> None:
    """Ask a rule about one field.

    Raises:
        ValidationError: what the rule says is wrong, as a sentence.
    """
    try:
        act()
    except InvalidInputError as error:
        raise ValidationError(spoken(error.reason)) from error


class DeskForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A form whose fields are called as the rules call them."""

    def blame(self, field: str, reason: str) -> None:
        """Put what is wrong at its field, or above the form where it is about none of them."""
        if field in self:
            self[field].errors = [*self[field].errors, spoken(reason)]
        else:
            self.form_errors.append(spoken(f"{field} {reason}"))


class LifeField(SelectField):  # type: ignore[misc]  # WTForms ships no types
    """How long a link is open, in hours."""

    def __init__(self, label: str, **options: Any) -> None:  # noqa: ANN401  # WTForms adds its own
        choices = [SelectChoice(hours, words) for hours, words in LIVES.items()]
        super().__init__(label, choices=choices, default=USUAL_LIFE, **options)

    def end(self) -> datetime:
        """Return when a link ends that is opened now."""
        return clock.now() + timedelta(hours=int(self.data))


class LinkForm(DeskForm):
    """A new link, and the event it is for."""

    form_id = HiddenField(default=references.token)
    title = StringField("What it is for")
    amount = StringField("Amount")
    currency = SelectField("Currency")
    buyer_email = EmailField("Buyer's email address")
    buyer_name = StringField("Buyer's name")
    expires_at = LifeField("Open for")
    tickets = IntegerField("Tickets", [Optional(), NumberRange(0, links.MAX_TICKETS)], default=0)
    event = SelectField("Event", default=NO_EVENT)
    event_title = StringField("Title of the event")
    event_place = StringField("Place")
    event_starts_at = StringField("Date and time", widget=DateTimeLocalInput())
    event_timezone = SelectField("Time zone")
    event_capacity = IntegerField("Capacity", [Optional(), NumberRange(1, events.MAX_CAPACITY)])

    @classmethod
    def of(cls, merchant: Merchant) -> Self:
        """Make the form with what this merchant can choose from.

        Raises:
            AccountNotConnectedError: there is no account to be paid to.
        """
        form = cls(event_timezone=merchant.timezone)
        form.upcoming = {event.reference: event for event in events.upcoming(merchant)}
        form.currency.choices = accounts.currencies(merchant)
        form.event.choices = [
            SelectChoice(NO_EVENT, "None"),
            SelectChoice(NEW_EVENT, "A new event"),
            *(SelectChoice(name, _words(event)) for name, event in form.upcoming.items()),
        ]
        zones = offered_timezones()
        form.event_timezone.choices = [*({merchant.timezone} - set(zones)), *zones]
        return form

    @property
    def order(self) -> links.Order:
        """What is asked for."""
        return links.Order(
            title=self.title.data,
            money=amount(self.amount.data, self.currency.data),
            buyer_email=self.buyer_email.data,
            buyer_name=self.buyer_name.data,
            expires_at=self.expires_at.end(),
            event=self.upcoming.get(self.event.data),
            ticket_count=self.tickets.data or 0,
        )

    @property
    def plan(self) -> events.Plan | None:
        """The event that is to be made, if one is."""
        if self.event.data != NEW_EVENT:
            return None
        return events.Plan(
            title=self.event_title.data,
            place=self.event_place.data,
            starts_at=self._starts_at(),
            timezone=self.event_timezone.data,
            capacity=self.event_capacity.data,
        )

    def digest(self, button: str) -> str:
        """Name what the form says and which button sent it: the same again is the same wish."""
        said = self.data | {"do": button}
        for name in ("csrf_token", "form_id"):
            said.pop(name, None)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def validate_form_id(self, field: Field) -> None:
        """Refuse what is no name of a form: it could not be known again."""
        if not references.is_token(field.data or ""):
            raise ValidationError("This form is damaged: open it anew.")

    def validate_title(self, field: Field) -> None:
        """Ask the rule for a link's title."""
        checked(lambda: text.one_line("title", field.data or "", links.MAX_TITLE))

    def validate_amount(self, field: Field) -> None:
        """Ask the rule for money, once the currency is one."""
        if self.currency.data in EXPONENTS:
            checked(lambda: amount(field.data or "", self.currency.data))

    def validate_buyer_email(self, field: Field) -> None:
        """Ask the rule for addresses."""
        if field.data:
            checked(lambda: text.email_address("buyer_email", field.data))

    def validate_buyer_name(self, field: Field) -> None:
        """Ask the rule for names."""
        if field.data:
            checked(lambda: text.one_line("buyer_name", field.data, links.MAX_NAME))

    def validate_event(self, field: Field) -> None:
        """Refuse to drop a new event that was described and not chosen."""
        if field.data != NEW_EVENT and (self.event_title.data or "").strip():
            raise ValidationError("Choose “A new event”, or empty its title below.")

    def validate_event_title(self, field: Field) -> None:
        """Ask the rule for an event's title, if one is to be made."""
        if self.event.data == NEW_EVENT:
            checked(lambda: text.one_line("title", field.data or "", events.MAX_TEXT))

    def validate_event_place(self, field: Field) -> None:
        """Ask the rule for an event's place, if one is to be made with one."""
        if self.event.data == NEW_EVENT and field.data:
            checked(lambda: text.one_line("place", field.data, events.MAX_TEXT))

    def validate_event_starts_at(self, _field: Field) -> None:
        """Ask the rules for an event's beginning, if one is to be made."""
        if self.event.data == NEW_EVENT and self.event_timezone.data in wall_clock.timezones():
            checked(lambda: events.check_start(self._starts_at()))

    def _starts_at(self) -> datetime:
        typed = self.event_starts_at.data or ""
        return wall_clock.moment("event_starts_at", typed, self.event_timezone.data)


class OpenForm(DeskForm):
    """How long a draft is open once it is opened."""

    expires_at = LifeField("Open for")

    @classmethod
    def of(cls, link: PaymentLink) -> Self:
        """Make the form with the span that the draft was made with."""
        hours = str(round((link.expires_at - link.created_at) / timedelta(hours=1)))
        return cls(expires_at=hours if hours in LIVES else USUAL_LIFE)


class DismissForm(DeskForm):
    """Why money is not taken as payment."""

    reason = StringField("Reason")

    def validate_reason(self, field: Field) -> None:
        """Ask the rule for reasons."""
        checked(lambda: text.one_line("reason", field.data or "", reviews.MAX_REASON))


class RefundForm(DeskForm):
    """How much of a payment is sent back, and why; it names the refund that it makes."""

    refund = HiddenField(default=references.refund_reference)
    payment = HiddenField()
    amount = StringField("Amount")
    reason = StringField("Reason")

    # Of the payment; the view says it.
    currency = "EUR"

    def validate_amount(self, field: Field) -> None:
        """Ask the rule for money."""
        checked(lambda: amount(field.data or "", self.currency))

    def validate_reason(self, field: Field) -> None:
        """Ask the rule for reasons."""
        checked(lambda: text.one_line("reason", field.data or "", refunds.MAX_REASON))


class EndForm(DeskForm):
    """Which matter was looked after, and what was done about it."""

    matter = HiddenField()
    reason = StringField("Reason")

    def validate_reason(self, field: Field) -> None:
        """Ask the rule for reasons."""
        checked(lambda: text.one_line("reason", field.data or "", matters.MAX_REASON))


class SendForm(DeskForm):
    """Which email is sent again, and where to."""

    message = HiddenField()
    to = EmailField("Email address")

    def validate_to(self, field: Field) -> None:
        """Ask the rule for addresses; without one the old one is right."""
        if field.data:
            checked(lambda: text.email_address("to", field.data))


def _words(event: Event) -> str:
    return f"{event.title}, {paper.day(event.starts_at, event.timezone)}"
