"""The whole vocabulary of the desk's polled fragments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from webapp.core import clock
from webapp.core.money import Money
from webapp.core.public_status import LINK_STATUS
from webapp.core.states import EmailState, LinkState
from webapp.domain.desk.dossiers import Dossier
from webapp.domain.messages import resending
from webapp.domain.payments import links, matters
from webapp.domain.payments.link_lists import LinkList, Listed, Tab
from webapp.models import AttentionItem, EmailMessage, PaymentAttempt, PaymentEvent
from webapp.web.dashboard import sentences
from webapp.web.dashboard.taken import Taken

_CLOSING: Final = {"cancel": "CANCELING", "expiry": "CLOSING"}

_HEADLINES: Final = {
    "PAYING": "A buyer is paying",
    "CANCELING": "Being canceled: the provider is asked first whether money is on its way",
    "CLOSING": "Past its end: the provider is asked first whether money is on its way",
}


def badge(
    state: LinkState, closing_for: str | None, expires_at: datetime, *, is_in_flight: bool
) -> str:
    """Return the code of what is going on: the state, or what is on top of it."""
    if state is LinkState.OPEN and closing_for in _CLOSING:
        return _CLOSING[closing_for]
    if state is LinkState.OPEN and expires_at <= clock.now():
        return "CLOSING"  # nobody can pay any more, and the next sweep begins to end it
    return "PAYING" if is_in_flight else state.value


@dataclass(frozen=True)
class LinkRow:
    """One line of the list."""

    reference: str
    title: str
    money: Money
    badge: str
    needs_attention: bool
    buyer_email: str | None
    made_at: datetime
    # None for a draft: its time begins when it is opened.
    ends_at: datetime | None

    @classmethod
    def of(cls, listed: Listed) -> Self:
        """Say what the list says of a link."""
        return cls(
            reference=listed.reference,
            title=listed.title,
            money=listed.money,
            badge=badge(
                listed.state,
                listed.closing_for,
                listed.expires_at,
                is_in_flight=listed.is_in_flight,
            ),
            needs_attention=listed.needs_attention,
            buyer_email=listed.buyer_email,
            made_at=listed.created_at,
            ends_at=None if listed.state is LinkState.DRAFT else listed.expires_at,
        )


@dataclass(frozen=True)
class Asked:
    """Which page of which list."""

    tab: Tab
    search: str
    page: int


@dataclass(frozen=True)
class ListPanel:
    """Everything dashboard/_rows.html may use, and nothing else."""

    rows: tuple[LinkRow, ...]
    tab: Tab
    search: str
    page: int
    has_more: bool
    # Whether there is nothing because nothing was ever made.
    is_new_here: bool
    timezone: str

    @classmethod
    def of(cls, links: LinkList, *, asked: Asked, is_new_here: bool, timezone: str) -> Self:
        """Say what a page of the list shows."""
        return cls(
            rows=tuple(map(LinkRow.of, links.links)),
            tab=asked.tab,
            search=asked.search,
            page=asked.page,
            has_more=links.has_more,
            is_new_here=is_new_here,
            timezone=timezone,
        )


@dataclass(frozen=True)
class Happening:
    """One line of the timeline."""

    at: datetime
    sentence: str
    detail: str
    tone: str
    actor: str

    @classmethod
    def of(cls, event: PaymentEvent, dossier: Dossier) -> Self:
        """Say what happened, in words."""
        sentence, detail = sentences.event(event)
        return cls(
            at=event.happened_at,
            sentence=sentence,
            detail=detail,
            tone=sentences.tone(event.name),
            actor=sentences.actor(event.actor, dossier.users),
        )


@dataclass(frozen=True)
class Try:
    """One attempt to pay, with the money it brought."""

    reference: str
    provider: str
    state: str
    money: Money
    at: datetime
    # The provider's names for it, where it has told them.
    checkout_id: str | None
    order_id: str | None
    # When the provider was asked last, and what it said.
    asked_at: datetime | None
    said: str | None
    taken: tuple[Taken, ...]

    @classmethod
    def of(cls, attempt: PaymentAttempt, dossier: Dossier) -> Self:
        """Say how one attempt went."""
        brought = [one for one in dossier.captures if one.attempt_id == attempt.id]
        return cls(
            reference=attempt.reference,
            provider=attempt.provider_account.provider,
            state=attempt.state.value,
            money=attempt.money,
            at=attempt.created_at,
            checkout_id=attempt.checkout_id,
            order_id=attempt.order_id,
            asked_at=attempt.last_read_at,
            said=attempt.last_read,
            taken=tuple(Taken.of(capture, dossier) for capture in brought),
        )


@dataclass(frozen=True)
class Mailed:
    """One email that was promised."""

    reference: str
    address: str
    state: str
    tries: int
    error: str | None
    at: datetime
    can_be_repeated: bool

    @classmethod
    def of(cls, message: EmailMessage, dossier: Dossier) -> Self:
        """Say how one email stands."""
        is_quiet = not dossier.is_sending
        has_copies_left = len(dossier.messages) <= resending.MAX_COPIES
        is_paid = dossier.link.state is LinkState.PAID
        return cls(
            reference=message.reference,
            address=message.to_address,
            state=message.state.value,
            tries=message.tries,
            error=sentences.spoken(message.last_error) if message.last_error else None,
            at=message.sent_at or message.created_at,
            can_be_repeated=is_paid
            and is_quiet
            and (message.state is EmailState.FAILED or has_copies_left),
        )


@dataclass(frozen=True)
class Matter:
    """Something that waits for a person."""

    number: int
    title: str
    sentence: str
    # What ending it means, and whether nothing else has to come first.
    meaning: str
    offers_end: bool

    @classmethod
    def of(cls, item: AttentionItem, dossier: Dossier) -> Self:
        """Say what it is about."""
        return cls(
            number=item.id,
            title=sentences.KINDS[item.kind],
            sentence=sentences.spoken(item.sentence),
            meaning=sentences.MEANINGS[item.kind],
            offers_end=matters.obstacle(item, dossier.refunds) is None,
        )


@dataclass(frozen=True)
class LinkPanel:
    """Everything dashboard/_panel.html may use, and nothing else."""

    reference: str
    title: str
    pay_url: str
    version: int
    status: str
    badge: str
    headline: str
    money: Money
    timezone: str
    buyer_email: str | None
    buyer_name: str | None
    made_at: datetime
    ends_at: datetime | None
    event_title: str | None
    event_place: str | None
    event_at: datetime | None
    event_timezone: str | None
    tickets: int
    provider: str
    is_test: bool
    matters: tuple[Matter, ...]
    held: tuple[Taken, ...]
    tries: tuple[Try, ...]
    messages: tuple[Mailed, ...]
    timeline: tuple[Happening, ...]
    offers_open: bool
    offers_cancel: bool
    offers_review: bool
    offers_verify: bool
    wants_address: bool
    is_busy: bool

    @classmethod
    def of(cls, dossier: Dossier, timezone: str) -> Self:
        """Say all that the desk says of a link; the latest event comes first."""
        link, event = dossier.link, dossier.link.event
        shown = badge(
            link.state, link.closing_for, link.expires_at, is_in_flight=dossier.is_in_flight
        )
        is_draft = link.state is LinkState.DRAFT
        is_paid = link.state is LinkState.PAID
        return cls(
            reference=link.reference,
            title=link.title,
            pay_url=links.pay_url(link.code),
            version=link.version,
            status=LINK_STATUS[link.state].code,
            badge=shown,
            headline=_HEADLINES.get(shown, LINK_STATUS[link.state].sentence),
            money=link.money,
            timezone=timezone,
            buyer_email=link.buyer_email,
            buyer_name=link.buyer_name,
            made_at=link.created_at,
            ends_at=None if is_draft else link.expires_at,
            event_title=event.title if event else None,
            event_place=event.place if event else None,
            event_at=event.starts_at if event else None,
            event_timezone=event.timezone if event else None,
            tickets=link.ticket_count,
            provider=link.provider_account.provider,
            is_test=not link.provider_account.is_live,
            matters=tuple(Matter.of(item, dossier) for item in _matters(dossier)),
            held=tuple(Taken.of(capture, dossier) for capture in dossier.held),
            tries=tuple(Try.of(attempt, dossier) for attempt in dossier.attempts),
            messages=tuple(Mailed.of(message, dossier) for message in dossier.messages),
            timeline=tuple(Happening.of(one, dossier) for one in reversed(dossier.trail)),
            offers_open=is_draft,
            offers_cancel=link.state in {LinkState.DRAFT, LinkState.OPEN}
            and link.closing_for not in _CLOSING,
            offers_review=link.state is LinkState.REVIEW,
            offers_verify=any(one.watch_until > clock.now() for one in dossier.attempts),
            wants_address=is_paid and not dossier.messages,
            is_busy=link.state is LinkState.OPEN or dossier.is_sending or dossier.is_sending_back,
        )


def _matters(dossier: Dossier) -> list[AttentionItem]:
    """Return what waits for a person, but for the mismatch that the review itself is about."""
    is_review = dossier.link.state is LinkState.REVIEW
    return [
        item
        for item in dossier.open_items
        if not (is_review and item.kind == "mismatch" and item.subject == dossier.link.reference)
    ]
