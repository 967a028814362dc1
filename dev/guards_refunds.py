"""The guards of law 3 that concern money on its way back: it goes once, and nobody overlooks it."""

from typing import Final

from dev.guards_shape import Guard

_PAYMENTS: Final = "webapp/domain/payments"

MONEY_GOES_BACK_ONCE: Final = (
    Guard(
        law=3,
        what="a refund that is never sent again where no key protects from paying twice",
        file=f"{_PAYMENTS}/refund_rounds.py",
        old="        adapter.CAPABILITIES.can_repeat_refund\n        and refund.state",
        new="        refund.state",
        test="tests/domain/test_refund_rounds.py"
        "::test_where_nothing_protects_us_a_lost_refund_is_never_sent_again",
    ),
    Guard(
        law=3,
        what="the note that a refund is sent, committed before it is",
        file=f"{_PAYMENTS}/refund_rounds.py",
        old="                refund.asked_at = database_now()\n",
        new="",
        test="tests/domain/test_refund_leases.py"
        "::test_whoever_dies_between_asking_and_the_answer_leaves_a_refund_that_is_read_back",
    ),
    Guard(
        law=3,
        what="the answer to whoever lost the lease of a refund, thrown away",
        file=f"{_PAYMENTS}/refund_rounds.py",
        old="            if refund.lease_token != step.token:\n",
        new="            if refund.lease_token is None:\n",
        test="tests/domain/test_refund_leases.py::test_who_lost_the_lease_writes_nothing",
    ),
    Guard(
        law=3,
        what="one refund of a payment at a time",
        file=f"{_PAYMENTS}/refunds.py",
        old="    if db.session.scalar(under_way.limit(1)) is not None:\n",
        new="    if db.session.scalar(under_way.limit(1)) is under_way:\n",
        test="tests/domain/test_refunds.py::test_while_one_is_under_way_there_is_no_second",
    ),
    Guard(
        law=3,
        what="no more sent back than was taken",
        file=f"{_PAYMENTS}/refunds.py",
        old="    if money.minor > left.minor:\n",
        new="    if money.minor > left.minor + capture.amount_minor:\n",
        test="tests/domain/test_refunds.py::test_an_amount_that_was_not_taken_is_refused",
    ),
    Guard(
        law=3,
        what="the provider's books, read before money is sent back",
        file=f"{_PAYMENTS}/refund_rounds.py",
        old="    if gone + refund.amount_minor > refund.capture.amount_minor:\n",
        new="    if refund.amount_minor > refund.capture.amount_minor:\n",
        test="tests/domain/test_refunds.py"
        "::test_what_went_back_at_the_bank_already_is_not_sent_again",
    ),
    Guard(
        law=3,
        what="four readable answers until a refund counts as never made",
        file=f"{_PAYMENTS}/refund_endings.py",
        old="    if not is_long or refund.missing_count < _READS_UNTIL_NEVER_MADE:\n",
        new="    if not is_long:\n",
        test="tests/domain/test_refund_rounds.py"
        "::test_a_refund_counts_as_never_made_only_after_four_readable_reads",
    ),
    Guard(
        law=3,
        what="the question to a person about a refund that nobody answered",
        file=f"{_PAYMENTS}/refund_endings.py",
        old="    link = refund.trail\n    attention.raise_item(\n",
        new="    link = refund.trail\n    return\n    attention.raise_item(\n",
        test="tests/domain/test_refund_rounds.py"
        "::test_a_refund_without_an_answer_is_read_back_and_found",
    ),
    Guard(
        law=3,
        what="no end by hand for surplus money that may be on its way back",
        file=f"{_PAYMENTS}/matters.py",
        old='case "surplus" if any(refund.capture.subject == item.subject for',
        new='case "surplus" if all(not refund.capture.subject for',
        test="tests/domain/test_matters.py"
        "::test_surplus_money_that_may_be_on_its_way_back_is_not_set_aside",
    ),
    Guard(
        law=3,
        what="the question to a person about money that went back without us",
        file=f"{_PAYMENTS}/reversals.py",
        old="    if unexplained <= 0:\n",
        new="    if unexplained <= total.minor:\n",
        test="tests/domain/test_reversals.py::test_what_went_back_at_the_bank_is_told_once",
    ),
    Guard(
        law=3,
        what="our own refunds, taken out of what went back",
        file=f"{_PAYMENTS}/reversals.py",
        old="total.minor - _ours(attempt, payment_reference)",
        new="total.minor - 0 * _ours(attempt, payment_reference)",
        test="tests/domain/test_reversals.py::test_our_own_refunds_are_no_news",
    ),
)
