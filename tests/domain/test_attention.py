import pytest

from tests.factories import Factories, everything, fresh
from webapp.core.states import AttentionState
from webapp.domain.messages import attention
from webapp.domain.payments import audit, trails
from webapp.domain.transaction import TransactionError, lock, transaction
from webapp.models import AttentionItem, PaymentLink


def see(link: PaymentLink, kind: str = "mismatch", subject: str = "att-1", sight: str = "") -> bool:
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        return attention.raise_item(
            locked, kind, "Look.", actor="test", subject=subject, sight=sight
        )


def end(link: PaymentLink, *kinds: str, reason: str = "seen to") -> int:
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        return attention.end_items(locked, *kinds, actor="cli", reason=reason)


def states() -> list[AttentionState]:
    return [item.state for item in everything(AttentionItem)]


def test_what_needs_a_person_is_written_down_and_told_in_the_trail(make: Factories) -> None:
    link = make.link()
    assert see(link, "surplus", "att-1/pay-1")
    (item,) = everything(AttentionItem)
    assert (item.merchant_id, item.link_id, item.kind, item.subject, item.state) == (
        link.merchant_id,
        link.id,
        "surplus",
        "att-1/pay-1",
        AttentionState.OPEN,
    )
    event = trails.of_link(link)[-1]
    assert (event.name, event.subject, event.detail) == (
        "attention_raised",
        "att-1/pay-1",
        {"kind": "surplus"},
    )


def test_an_item_is_open_once_for_its_kind_and_subject(make: Factories) -> None:
    link = make.link()
    assert [see(link), see(link), see(link, sight="new")] == [True, False, False]
    assert see(link, subject="att-2")
    assert see(link, kind="late")
    assert len(everything(AttentionItem)) == 3
    assert fresh(link).version == 3 + 3


def test_the_same_sight_does_not_open_an_item_that_somebody_has_ended(make: Factories) -> None:
    link = make.link()
    assert see(link, sight="refunded")
    end(link, "mismatch")
    assert not see(link, sight="refunded")
    assert see(link, sight="charged back")
    end(link, "mismatch")
    assert not see(link, sight="refunded")
    assert not see(link, sight="charged back")
    assert states() == [AttentionState.ENDED] * 2


def test_what_was_not_told_apart_opens_an_item_every_time(make: Factories) -> None:
    link = make.link()
    assert see(link)
    end(link, "mismatch")
    assert see(link)
    assert states() == [AttentionState.ENDED, AttentionState.OPEN]


def test_an_item_is_ended_by_somebody_for_a_reason_and_told(make: Factories) -> None:
    link, neighbour = make.link(), make.link()
    see(link, "mismatch")
    see(link, "late")
    see(neighbour, "late", subject="att-2")
    assert end(link, "mismatch", reason="the buyer was called") == 1
    ended, late, other = everything(AttentionItem)
    assert (ended.state, ended.ended_by, ended.end_reason) == (
        AttentionState.ENDED,
        "cli",
        "the buyer was called",
    )
    assert ended.ended_at is not None
    assert (late.state, other.state) == (AttentionState.OPEN, AttentionState.OPEN)
    event = trails.of_link(link)[-1]
    assert (event.name, event.detail) == (
        "attention_ended",
        {"kind": "mismatch", "reason": "the buyer was called"},
    )
    assert end(link, "mismatch") == 0
    assert end(link, "mismatch", "late") == 1
    assert audit.run().is_clean


def test_an_item_is_raised_and_ended_only_under_the_lock_of_its_link(make: Factories) -> None:
    link = make.link()
    with transaction(), pytest.raises(TransactionError):
        attention.raise_item(link, "late", "Look.", actor="test", subject="att-1")
    with transaction(), pytest.raises(TransactionError):
        attention.end_items(link, "late", actor="test", reason="no")
