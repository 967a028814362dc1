"""The guards of laws 1 to 4: what a payment is, and where its money ends."""

from typing import Final

from dev.guards_refunds import MONEY_GOES_BACK_ONCE
from dev.guards_shape import Guard

_PAYMENTS: Final = "webapp/domain/payments"

ONE_DOOR: Final = (
    Guard(
        law=1,
        what="the locks under which twenty threads settle one payment",
        file="webapp/domain/transaction.py",
        old="query = select(model).where(*where).with_for_update()\n",
        new="query = select(model).where(*where)\n",
        test="tests/domain/test_settlement.py"
        "::test_twenty_threads_that_settle_one_payment_make_one_paid_link",
    ),
    Guard(
        law=1,
        what="the wait for whoever settles the same payment in the same moment",
        file="webapp/domain/transaction.py",
        old="query = select(model).where(*where).with_for_update()\n",
        new="query = select(model).where(*where).with_for_update(skip_locked=True)\n",
        test="tests/domain/test_fifty_at_once.py"
        "::test_fifty_settlements_of_one_payment_from_everywhere_make_it_paid_once",
    ),
    Guard(
        law=1,
        what="the question whether this money is written down already",
        file=f"{_PAYMENTS}/captures.py",
        old="for reference in named if reference not in known]",
        new="for reference in named]",
        test="tests/domain/test_settlement_states.py"
        "::test_a_providers_word_loses_no_money_and_does_nothing_twice",
    ),
    Guard(
        law=1,
        what="money booked by the settlement alone, here also by pressing Pay",
        file=f"{_PAYMENTS}/checkouts.py",
        old="    url = creations.record(reference, creation, actor=actor)\n",
        new="    url = captures.take(attempt, creation.payments, actor=actor)\n",
        test="tests/house/test_one_door.py::test_only_the_settlement_books_money",
    ),
    Guard(
        law=1,
        what="states taken by transition() alone",
        file=f"{_PAYMENTS}/closing_rounds.py",
        old="    transition(link, ended, actor=ACTOR)\n",
        new="    link.state = ended\n",
        test="tests/house/test_states.py::test_nothing_but_the_transitions_assigns_a_state",
    ),
)

TRUTH_FROM_A_READ: Final = (
    Guard(
        law=2,
        what="a notice that only asks for a read; here it is believed",
        file=f"{_PAYMENTS}/notices.py",
        old="next_check_at=func.now(),\n",
        new='next_check_at=func.now(), state="SUCCEEDED",\n',
        test="tests/domain/test_notices.py"
        "::test_a_notice_is_stored_and_asks_for_a_read_and_decides_nothing",
    ),
    Guard(
        law=2,
        what="the signature of a notice",
        file="webapp/providers/sandbox.py",
        old="if not hmac.compare_digest(expected.hexdigest(), mac):",
        new="if not mac:",
        test="tests/domain/test_notices.py"
        "::test_a_forged_or_old_notice_is_refused_and_changes_nothing",
    ),
    Guard(
        law=2,
        what="a notice that comes before our create's answer, found by our reference",
        file=f"{_PAYMENTS}/notices.py",
        old="if hint.reference is not None:",
        new="if hint.reference is None:",
        test="tests/domain/test_notices.py"
        "::test_a_notice_that_comes_before_our_answer_is_stored_leads_to_the_money",
    ),
    Guard(
        law=2,
        what="our create's answer, when it comes after the money",
        file=f"{_PAYMENTS}/creations.py",
        old="    if attempt.state is AttemptState.CREATED:\n"
        "        transition(attempt, AttemptState.PENDING",
        new="    if attempt.state is not AttemptState.PENDING:\n"
        "        transition(attempt, AttemptState.PENDING",
        test="tests/domain/test_creation_at_bank.py"
        "::test_a_payment_that_is_read_before_our_answer_is_stored_is_kept",
    ),
    Guard(
        law=2,
        what="a return from the provider that proves nothing; here it is believed",
        file=f"{_PAYMENTS}/attempts.py",
        old="                returned_at=func.now(),\n",
        new='                returned_at=func.now(),\n                state="SUCCEEDED",\n',
        test="tests/domain/test_creation.py"
        "::test_coming_back_from_the_provider_proves_nothing_and_asks_for_a_read",
    ),
    Guard(
        law=2,
        what="create answered late: the checkout that a read finds",
        file=f"{_PAYMENTS}/settlement.py",
        old="    if was_unknown:\n",
        new="    if was_unknown and observation.payments:\n",
        test="tests/domain/test_creation_at_bank.py"
        "::test_an_answer_that_comes_after_our_patience_is_found_by_a_read",
    ),
    Guard(
        law=2,
        what="create never answered: silence is no refusal",
        file=f"{_PAYMENTS}/creations.py",
        old="elif isinstance(creation, Refused):",
        new="elif not isinstance(creation, Created):",
        test="tests/domain/test_creation_at_bank.py"
        "::test_a_checkout_whose_answer_never_comes_is_found_and_paid",
    ),
    Guard(
        law=2,
        what="create sent twice: a reference that was used is no refusal",
        file="webapp/providers/sandbox.py",
        old='return Unanswered("the reference was used before")',
        new='return Refused("the reference was used before")',
        test="tests/domain/test_creation_at_bank.py"
        "::test_the_same_request_twice_makes_one_checkout",
    ),
    Guard(
        law=2,
        what="a minute and two reads until a request counts as never made",
        file=f"{_PAYMENTS}/creations.py",
        old="attempt.missing_count >= 2 and age.total_seconds()",
        new="attempt.missing_count >= 1 or age.total_seconds()",
        test="tests/domain/test_creation_at_bank.py"
        "::test_a_request_that_was_lost_counts_as_never_made_after_a_minute_and_two_reads",
    ),
    Guard(
        law=2,
        what="a checkout asked for again only after a read has found nothing",
        file=f"{_PAYMENTS}/creations.py",
        old="was_missed = attempt.missing_count > 0 and age_s",
        new="was_missed = age_s",
        test="tests/domain/test_starts.py::test_nothing_is_asked_for_again_that_no_read_has_missed",
    ),
    Guard(
        law=2,
        what="an answer that nobody understands: unreadable, and not missing",
        file="webapp/providers/sandbox.py",
        old="        return Unreadable(str(error))\n",
        new="        return Missing()\n",
        test="tests/domain/test_creation_at_bank.py"
        "::test_a_bank_that_cannot_be_read_after_a_lost_answer_leaves_all_open",
    ),
)

MONEY_ENDS: Final = (
    Guard(
        law=3,
        what="the amount, compared with what was asked for",
        file=f"{_PAYMENTS}/captures.py",
        old="fresh[0].money != attempt.money:",
        new="fresh[0].currency != attempt.currency:",
        test="tests/domain/test_settlement.py"
        "::test_another_amount_or_currency_is_held_for_a_person_and_issues_no_ticket",
    ),
    Guard(
        law=3,
        what="the currency, compared with what was asked for",
        file=f"{_PAYMENTS}/captures.py",
        old="fresh[0].money != attempt.money:",
        new="fresh[0].amount_minor != attempt.amount_minor:",
        test="tests/domain/test_settlement.py"
        "::test_another_amount_or_currency_is_held_for_a_person_and_issues_no_ticket",
    ),
    Guard(
        law=3,
        what="the account that an answer is about",
        file=f"{_PAYMENTS}/settlement.py",
        old="        or observation.account != account.external_account\n",
        new="",
        test="tests/domain/test_settlement.py"
        "::test_an_answer_that_is_not_about_us_books_nothing_and_calls_a_person",
    ),
    Guard(
        law=3,
        what="two payments on one checkout, held for a person",
        file=f"{_PAYMENTS}/captures.py",
        old="if was_reversed or len(fresh) > 1 or ",
        new="if was_reversed or ",
        test="tests/domain/test_settlement.py::test_two_payments_on_one_checkout_are_both_held",
    ),
    Guard(
        law=3,
        what="REVIEW for paid money that buys no tickets any more",
        file=f"{_PAYMENTS}/captures.py",
        old="    _hold_late(link, actor)\n",
        new="",
        test="tests/domain/test_late_money.py::test_late_money_without_room_waits_for_a_person",
    ),
    Guard(
        law=3,
        what="the question to a person about money that came twice",
        file=f"{_PAYMENTS}/captures.py",
        old="    transition(capture, CaptureState.SURPLUS, actor=actor)\n",
        new="    transition(capture, CaptureState.SURPLUS, actor=actor)\n    return\n",
        test="tests/domain/test_settlement.py"
        "::test_money_through_an_older_checkout_of_a_paid_link_is_surplus",
    ),
    Guard(
        law=3,
        what="the audit's question whether somebody was asked about held money",
        file=f"{_PAYMENTS}/audit.py",
        old='or_(link.state != LinkState.REVIEW, ~_waits("mismatch", "late")),',
        new="link.state != LinkState.REVIEW,",
        test="tests/domain/test_audit.py::test_the_audit_finds_what_should_not_be",
    ),
)

NOTHING_EXPIRED_AWAY: Final = (
    Guard(
        law=4,
        what="expiry by the locked row's own column; here by a sub-select on attempts",
        file=f"{_PAYMENTS}/expiry.py",
        old="PaymentLink.may_hold_money.is_(False),",
        new='__import__("sqlalchemy").text('
        '"NOT EXISTS (SELECT 1 FROM payment_attempt WHERE link_id = payment_link.id'
        " AND payment_attempt.state IN ('CREATED', 'PENDING'))\"),",
        test="tests/domain/test_races.py::test_no_link_expires_with_a_payment_on_its_way",
    ),
    Guard(
        law=4,
        what="the note on the link that money may be on its way",
        file=f"{_PAYMENTS}/attempts.py",
        old="    link.may_hold_money = True\n",
        new="",
        test="tests/domain/test_begin.py"
        "::test_a_begun_attempt_holds_money_until_somebody_knows_better",
    ),
    Guard(
        law=4,
        what="no new payment for a link that is being closed",
        file=f"{_PAYMENTS}/attempts.py",
        old="link.closing_for is None and",
        new="",
        test="tests/domain/test_closing_at_bank.py"
        "::test_no_payment_begins_while_a_link_is_being_closed",
    ),
    Guard(
        law=4,
        what="Cancel as a mark only, where money may be on its way",
        file=f"{_PAYMENTS}/links.py",
        old="case LinkState.OPEN if link.may_hold_money:",
        new="case LinkState.OPEN if link.closing_for is not None:",
        test="tests/domain/test_links.py"
        "::test_a_link_with_money_on_its_way_is_only_marked_and_a_worker_is_asked",
    ),
    Guard(
        law=4,
        what="the time of a closing for who is paying at the end",
        file=f"{_PAYMENTS}/closing_rounds.py",
        old="if why is _Stays.NO_WAY or is_last_try]",
        new="if why in _Stays]",
        test="tests/domain/test_unclosable.py"
        "::test_who_is_paying_at_the_end_gets_the_time_that_a_closing_has",
    ),
    Guard(
        law=4,
        what="trying again: the old checkout closed before another begins",
        file=f"{_PAYMENTS}/starts.py",
        old="    closing.ask(link, closing.RETRY, actor=actor)\n",
        new="    attempts.let_go(link, [attempt.reference], actor=actor)\n",
        test="tests/domain/test_starts_at_bank.py"
        "::test_trying_again_closes_the_old_checkout_before_another_begins",
    ),
    Guard(
        law=4,
        what="a buyer who gives up: the checkout is closed, so that nobody pays it by accident",
        file=f"{_PAYMENTS}/sittings.py",
        old="        closing.ask(link, closing.RETRY, actor=actor)\n",
        new="        return\n",
        test="tests/domain/test_sittings_at_bank.py"
        "::test_a_canceled_payment_is_closed_at_the_bank_and_another_can_be_begun",
    ),
    Guard(
        law=4,
        what="one attempt, however many go on with a sitting at once",
        file=f"{_PAYMENTS}/sittings.py",
        old="        elif attempt is None or attempt.state not in MAY_HOLD_MONEY:\n",
        new="        elif True:\n",
        test="tests/domain/test_sittings_at_bank.py::test_two_who_go_on_at_once_begin_one_attempt",
    ),
    Guard(
        law=4,
        what="an end only when no checkout can be paid any more",
        file=f"{_PAYMENTS}/closing_rounds.py",
        old="if is_readable and not link.may_hold_money:",
        new="if is_readable:",
        test="tests/domain/test_closing_at_bank.py"
        "::test_an_overdue_link_waits_while_its_checkout_cannot_be_closed",
    ),
    Guard(
        law=4,
        what="an end only when every watched attempt was read",
        file=f"{_PAYMENTS}/closing_rounds.py",
        old="if is_readable and not link.may_hold_money:",
        new="if not link.may_hold_money:",
        test="tests/domain/test_closing_at_bank.py"
        "::test_a_link_waits_until_every_watched_attempt_was_read",
    ),
    Guard(
        law=4,
        what="the question to a person about a link that nobody could verify",
        file=f"{_PAYMENTS}/attempts.py",
        old="    weigh(link)\n    attention.raise_item(\n",
        new="    weigh(link)\n    return True\n    attention.raise_item(\n",
        test="tests/domain/test_closing.py"
        "::test_a_link_that_could_not_be_read_until_the_last_moment_ends_with_a_question",
    ),
    Guard(
        law=4,
        what="the way back from EXPIRED to PAID",
        file="webapp/core/states.py",
        old='    (LinkState.EXPIRED, LinkState.PAID, "paid_late"),\n',
        new="",
        test="tests/domain/test_late_money.py"
        "::test_late_money_buys_the_tickets_where_there_is_room",
    ),
)

MONEY: Final = (
    *ONE_DOOR,
    *TRUTH_FROM_A_READ,
    *MONEY_ENDS,
    *MONEY_GOES_BACK_ONCE,
    *NOTHING_EXPIRED_AWAY,
)
