import re
from typing import get_args

import pytest

from webapp.core.errors import InvalidTransitionError
from webapp.core.states import (
    ATTEMPT_EDGES,
    LINK_EDGES,
    LINK_ENDED,
    MAY_HOLD_MONEY,
    SESSION_EDGES,
    SESSION_OPEN,
    TABLES,
    AccountState,
    AttemptState,
    AttentionState,
    CaptureState,
    EmailState,
    LinkState,
    RefundState,
    SessionState,
    State,
    TicketState,
    edge,
)

# Where a noun begins, and where it may rest for ever. What is not named here has a way out.
FIRST: dict[type[State], State] = {
    LinkState: LinkState.DRAFT,
    SessionState: SessionState.INITIATED,
    AttemptState: AttemptState.CREATED,
    CaptureState: CaptureState.HELD,
    RefundState: RefundState.REQUESTED,
    TicketState: TicketState.ISSUED,
    EmailState: EmailState.QUEUED,
    AttentionState: AttentionState.OPEN,
    AccountState: AccountState.ACTIVE,
}
FINAL: dict[type[State], set[State]] = {
    LinkState: {LinkState.REFUNDED},
    SessionState: {SessionState.COMPLETED},
    AttemptState: {AttemptState.SUCCEEDED},
    CaptureState: {CaptureState.RETURNED},
    RefundState: {RefundState.DONE, RefundState.FAILED},
    TicketState: {TicketState.VOID},
    EmailState: {EmailState.SENT},
    AttentionState: {AttentionState.ENDED},
    AccountState: set(),
}

NOUNS = pytest.mark.parametrize("noun", list(TABLES), ids=lambda noun: noun.__name__)


def test_every_noun_has_a_table() -> None:
    assert set(TABLES) == set(get_args(State)) == set(FIRST) == set(FINAL)


@NOUNS
def test_a_table_moves_only_its_own_noun(noun: type[State]) -> None:
    for before, after in TABLES[noun]:
        assert type(before) is type(after) is noun
        assert before != after


@NOUNS
def test_every_state_has_a_way_out_or_is_final_on_purpose(noun: type[State]) -> None:
    left = {before for before, _ in TABLES[noun]}
    assert set(noun) - left == FINAL[noun]


@NOUNS
def test_every_state_can_be_reached_from_the_first(noun: type[State]) -> None:
    reached = {FIRST[noun]}
    while more := {after for before, after in TABLES[noun] if before in reached} - reached:
        reached |= more
    assert reached == set(noun)


@NOUNS
def test_every_edge_is_named_as_something_that_happened(noun: type[State]) -> None:
    names = [step.name for step in TABLES[noun].values()]
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []


@NOUNS
def test_a_table_cannot_be_changed(noun: type[State]) -> None:
    with pytest.raises(TypeError):
        TABLES[noun][FIRST[noun], FIRST[noun]] = edge(LinkState.DRAFT, LinkState.OPEN)  # type: ignore[index]  # that is the point


@pytest.mark.parametrize("state", [s for s in SessionState if s is not SessionState.COMPLETED])
def test_every_unpaid_session_can_still_turn_out_paid(state: SessionState) -> None:
    assert (state, SessionState.COMPLETED) in SESSION_EDGES


@pytest.mark.parametrize("state", [s for s in AttemptState if s is not AttemptState.SUCCEEDED])
def test_every_unpaid_attempt_can_still_turn_out_paid(state: AttemptState) -> None:
    assert (state, AttemptState.SUCCEEDED) in ATTEMPT_EDGES


@pytest.mark.parametrize(
    "state", [LinkState.OPEN, LinkState.REVIEW, LinkState.EXPIRED, LinkState.CANCELED]
)
def test_every_link_that_somebody_could_open_can_still_turn_out_paid(state: LinkState) -> None:
    assert (state, LinkState.PAID) in LINK_EDGES


def test_a_paid_link_leaves_only_by_a_refund() -> None:
    assert {after for before, after in LINK_EDGES if before is LinkState.PAID} == {
        LinkState.REFUNDED
    }


def test_money_for_an_ended_link_is_called_late() -> None:
    for ended in LINK_ENDED:
        assert edge(ended, LinkState.PAID).name == "paid_late"
        assert edge(ended, LinkState.REVIEW).name == "paid_late_unfulfilled"


def test_every_step_of_a_link_its_sessions_and_attempts_is_visible() -> None:
    hidden = [
        step.name
        for table in (LINK_EDGES, SESSION_EDGES, ATTEMPT_EDGES)
        for step in table.values()
        if not step.is_visible
    ]
    assert hidden == []


def test_an_attempt_without_an_end_may_hold_money() -> None:
    ends = {after for before, after in ATTEMPT_EDGES if before is AttemptState.PENDING}
    assert set(AttemptState) - ends == MAY_HOLD_MONEY


def test_a_session_that_can_expire_is_open() -> None:
    can_expire = {before for before, after in SESSION_EDGES if after is SessionState.EXPIRED}
    assert can_expire == SESSION_OPEN


def test_a_step_that_the_table_has_is_found_under_its_name() -> None:
    assert edge(LinkState.OPEN, LinkState.PAID).name == "payment_confirmed"
    assert edge(LinkState.OPEN, LinkState.PAID).is_visible
    assert not edge(EmailState.QUEUED, EmailState.SENDING).is_visible


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LinkState.PAID, LinkState.OPEN),
        (LinkState.PAID, LinkState.CANCELED),
        (LinkState.PAID, LinkState.PAID),
        (AttemptState.SUCCEEDED, AttemptState.FAILED),
        (TicketState.VOID, TicketState.ISSUED),
        (EmailState.SENT, EmailState.QUEUED),
    ],
)
def test_a_step_that_no_table_has_is_refused(before: State, after: State) -> None:
    with pytest.raises(InvalidTransitionError, match=f"{before} to {after}"):
        edge(before, after)


def test_the_same_word_of_another_noun_is_another_state() -> None:
    with pytest.raises(InvalidTransitionError):
        edge(LinkState.OPEN, SessionState.EXPIRED)
