import pytest

from webapp.core.public_status import LINK_STATUS, order_status
from webapp.core.states import LinkState


def test_every_link_state_has_a_word_and_a_sentence_for_the_outside() -> None:
    assert set(LINK_STATUS) == set(LinkState)
    assert all(status.code and status.sentence for status in LINK_STATUS.values())


def test_no_two_states_share_a_word_or_a_sentence() -> None:
    assert len({status.code for status in LINK_STATUS.values()}) == len(LinkState)
    assert len({status.sentence for status in LINK_STATUS.values()}) == len(LinkState)


def test_the_words_of_the_outside_are_stable() -> None:
    # Programs of merchants compare with these: a change here breaks them.
    assert {state.name: status.code for state, status in LINK_STATUS.items()} == {
        "DRAFT": "DRAFT",
        "OPEN": "OPEN",
        "PAID": "PAID",
        "REVIEW": "REVIEW",
        "EXPIRED": "EXPIRED",
        "CANCELED": "CANCELED",
        "REFUNDED": "REFUNDED",
    }


@pytest.mark.parametrize(
    ("state", "may_hold_money", "last_attempt_failed", "word"),
    [
        (LinkState.DRAFT, False, False, "draft"),
        (LinkState.OPEN, False, False, "open"),
        (LinkState.OPEN, True, False, "pending_verification"),
        (LinkState.OPEN, True, True, "pending_verification"),
        (LinkState.OPEN, False, True, "failed"),
        (LinkState.PAID, False, False, "completed"),
        (LinkState.PAID, True, True, "completed"),
        (LinkState.REVIEW, False, True, "requires_manual_review"),
        (LinkState.EXPIRED, False, False, "expired"),
        (LinkState.EXPIRED, True, False, "expired"),
        (LinkState.EXPIRED, False, True, "failed"),
        (LinkState.CANCELED, False, True, "canceled"),
        (LinkState.REFUNDED, False, False, "refunded"),
    ],
)
def test_an_orders_word_follows_from_what_is_known(
    state: LinkState, may_hold_money: bool, last_attempt_failed: bool, word: str
) -> None:
    assert (
        order_status(state, may_hold_money=may_hold_money, last_attempt_failed=last_attempt_failed)
        == word
    )
