"""Our own books as somebody outside reads them, and what must be so in them at any moment."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg

from tests.properties.bank import Bank, Entry
from webapp.core.states import (
    LINK_ENDED,
    MAY_HOLD_MONEY,
    AttemptState,
    CaptureState,
    LinkState,
    RefundState,
    SessionState,
    State,
    edge,
)

Row = dict[str, Any]

_LOOK = """
SELECT json_build_object(
  'links', (SELECT json_agg(r) FROM (
    SELECT id, code, reference, state, version, closing_for, may_hold_money, seats_held,
      ticket_count, event_id, amount_minor,
      extract(epoch FROM ended_at) AS ended_at_s,
      (SELECT count(*) FROM ticket WHERE link_id = payment_link.id) AS tickets,
      (SELECT count(*) FROM email_message WHERE link_id = payment_link.id) AS emails
    FROM payment_link ORDER BY id) r),
  'attempts', (SELECT json_agg(r) FROM (
    SELECT id, link_id, reference, state, checkout_id, checkout_url IS NOT NULL AS has_url,
      is_current, watch_until > now() AS is_watched
    FROM payment_attempt ORDER BY id) r),
  'sessions', (SELECT json_agg(r) FROM (
    SELECT reference, state FROM payment_session ORDER BY id) r),
  'captures', (SELECT json_agg(r) FROM (
    SELECT id, link_id, attempt_id, payment_reference, amount_minor, currency, state
    FROM capture ORDER BY id) r),
  'refunds', (SELECT json_agg(r) FROM (
    SELECT reference, capture_id, amount_minor, state FROM refund ORDER BY id) r),
  'items', (SELECT json_agg(r) FROM (
    SELECT link_id, kind, subject, state FROM attention_item ORDER BY id) r),
  'events', (SELECT json_agg(r) FROM (SELECT id, capacity FROM event ORDER BY id) r),
  'trail', (SELECT json_agg(r) FROM (
    SELECT id, link_id, version, name, subject, from_state, to_state, detail
    FROM payment_event WHERE id > %s ORDER BY id) r)
)
"""
# An attempt that ended so may still be paid, and is only watched.
_LET_GO = frozenset({"cannot be closed", "its address was lost", "never shown", "never readable"})
_WITH_TICKETS = frozenset({LinkState.PAID, LinkState.REFUNDED})
_STATES: dict[str, type[State]] = {
    "ORD": LinkState,
    "att": AttemptState,
    "ses": SessionState,
}


class Books:
    """Looked at after each step; what was seen before is remembered."""

    def __init__(self, database: psycopg.Connection) -> None:
        self._database = database
        self._last_event = 0
        self._replayed: dict[str, str] = {}
        self._versions: dict[int, int] = {}
        self._were_paid: set[int] = set()
        self._accepted: set[int] = set()
        self._never_readable: set[int] = set()
        self.let_go: set[str] = set()
        # Where somebody may have been sent.
        self._shown: set[str] = set()
        self.links: list[Row] = []
        self.attempts: list[Row] = []
        self.captures: list[Row] = []
        self.items: list[Row] = []
        self.refunds: list[Row] = []

    def look(self) -> bool:
        """Read them; say whether there was news."""
        (found,) = self._database.execute(_LOOK, [self._last_event]).fetchone() or ({},)
        self.links = found["links"] or []
        self.attempts = found["attempts"] or []
        self.captures = found["captures"] or []
        self.items = found["items"] or []
        self.refunds = found["refunds"] or []
        self._sessions: list[Row] = found["sessions"] or []
        self._events: list[Row] = found["events"] or []
        news: list[Row] = found["trail"] or []
        for event in news:
            self._replay(event)
        self._shown |= {one["reference"] for one in self.attempts if _is_shown(one)}
        return bool(news)

    def check(self, bank: Bank, ledger: Iterable[Entry]) -> None:
        """Find nothing that must not be."""
        self._check_trail()
        self._check_links()
        self._check_captures({entry.payment: entry for entry in ledger})
        self._check_refunds(bank)
        self._check_ends(bank, ledger)
        self._check_invitations(bank)

    def _replay(self, event: Row) -> None:
        """Follow one row of a trail: no version is missing, and every step is one of ours."""
        self._last_event = event["id"]
        version = self._versions.get(event["link_id"], 1) + 1
        assert event["version"] == version, event
        self._versions[event["link_id"]] = version
        if event["to_state"] is None:
            return
        subject = event["subject"]
        kind = _STATES.get(subject[:3]) if "/" not in subject else CaptureState
        if kind is None:
            kind = RefundState if event["to_state"] in RefundState.__members__ else None
        if kind is None or event["name"] == "attention_ended":
            return
        taken = edge(kind(event["from_state"]), kind(event["to_state"]))
        assert taken.name == event["name"], event
        before = self._replayed.get(subject)
        assert before in {None, event["from_state"]} or kind is CaptureState, event
        self._replayed[subject] = event["to_state"]
        if event["name"] == "review_accepted":
            self._accepted.add(event["link_id"])
        if event["detail"].get("reason") in _LET_GO:
            self.let_go.add(subject)
        if event["detail"].get("reason") == "never readable":
            self._never_readable.add(event["link_id"])

    def _check_trail(self) -> None:
        for row in (*self.links, *self.attempts, *self._sessions):
            assert self._replayed.get(row["reference"], row["state"]) == row["state"], row
        for link in self.links:
            assert self._versions.get(link["id"], 1) == link["version"], link

    def _check_links(self) -> None:
        for link in self.links:
            state = LinkState(link["state"])
            if link["id"] in self._were_paid:
                assert state in _WITH_TICKETS, f"what was paid is {link}"
            if state is LinkState.PAID:
                self._were_paid.add(link["id"])
                assert link["event_id"] is None or link["seats_held"] == link["ticket_count"], link
            if link["id"] in self._were_paid:
                assert (link["tickets"], link["emails"]) == (link["ticket_count"], 1), link
            else:
                assert (link["tickets"], link["emails"]) == (0, 0), link
        for event in self._events:
            held = sum(link["seats_held"] for link in self.links if link["event_id"] == event["id"])
            assert event["capacity"] is None or held <= event["capacity"], "oversold"

    def _check_captures(self, ledger: dict[str, Entry]) -> None:
        links = {link["id"]: link for link in self.links}
        names = {attempt["id"]: attempt["reference"] for attempt in self.attempts}
        for capture in self.captures:
            entry = ledger.get(capture["payment_reference"])
            assert entry is not None, f"the bank never took {capture}"
            assert entry.reference == names[capture["attempt_id"]], capture
            assert (entry.money.minor, entry.money.currency) == (
                capture["amount_minor"],
                capture["currency"],
            ), capture
            link = links[capture["link_id"]]
            state = link["state"]
            match CaptureState(capture["state"]):
                case CaptureState.FULFILS:
                    assert state == LinkState.PAID, capture
                    is_whole = capture["amount_minor"] == link["amount_minor"]
                    assert is_whole or link["id"] in self._accepted, f"{capture} paid for {link}"
                case CaptureState.HELD:
                    assert state == LinkState.REVIEW, capture
                    assert self._is_asked(capture["link_id"], "mismatch", "late"), capture
                case CaptureState.SURPLUS:
                    assert self._is_asked(capture["link_id"], "surplus"), capture
                case CaptureState.RETURNED | CaptureState.DISMISSED:
                    pass

    def _check_refunds(self, bank: Bank) -> None:
        """Nothing was sent back but what somebody wanted, and no more than that."""
        wanted: Counter[int] = Counter()
        for refund in self.refunds:
            wanted[refund["capture_id"]] += refund["amount_minor"]
        names = {capture["payment_reference"]: capture["id"] for capture in self.captures}
        for payment, gone in bank.sent_back().items():
            if gone:
                assert gone <= wanted[names[payment]], f"{gone} of {payment} went back"

    def _check_ends(self, bank: Bank, ledger: Iterable[Entry]) -> None:
        """Nothing was expired or canceled away: who could be asked was asked before the end."""
        told = {item["link_id"] for item in self.items if item["kind"] == "unverified"}
        assert told >= self._never_readable, "given up, and nobody was asked"
        ended = {link["id"]: link for link in self.links if link["state"] in LINK_ENDED}
        attempts = {attempt["reference"]: attempt for attempt in self.attempts}
        captured = {capture["payment_reference"] for capture in self.captures}
        for attempt in self.attempts:
            is_live = attempt["state"] in MAY_HOLD_MONEY
            assert not (is_live and attempt["link_id"] in ended), attempt
        for entry in ledger:
            attempt = attempts[entry.reference]
            link, taken = ended.get(attempt["link_id"]), bank.taken.get(entry.reference)
            if link is None or taken is None or entry.payment in captured:
                continue
            was_in_time = not taken.was_over and taken.at_s < link["ended_at_s"]
            assert not was_in_time or entry.reference in self.let_go, f"{entry} was expired away"

    def _check_invitations(self, bank: Bank) -> None:
        """Nobody was shown a second place to pay while the first was there, if it can be closed."""
        places: Counter[int] = Counter()
        for attempt in self.attempts:
            name = attempt["reference"]
            is_there = name in self._shown - self.let_go and not bank.is_over(name)
            places[attempt["link_id"]] += is_there and name not in bank.taken
        assert max(places.values(), default=0) <= 1, (self.attempts, self._shown)

    def _is_asked(self, link_id: int, *kinds: str) -> bool:
        return any(
            item["link_id"] == link_id and item["kind"] in kinds and item["state"] == "OPEN"
            for item in self.items
        )


def _is_shown(attempt: Row) -> bool:
    is_in_flight = attempt["state"] in MAY_HOLD_MONEY
    return bool(attempt["is_current"] and attempt["has_url"] and is_in_flight)
