"""The guards of laws 5 to 7: how the house keeps its word while things fail around it."""

from typing import Final

from dev.guards_shape import Guard

_PAYMENTS: Final = "webapp/domain/payments"
_EMAILS: Final = "webapp/domain/messages/emails.py"
_ENDINGS: Final = "webapp/domain/messages/endings.py"
_MIGRATION: Final = "migrations/versions/0001_make_the_house.py"

PROMISES: Final = (
    Guard(
        law=5,
        what="PAID and its email in one transaction; here PAID is committed first",
        file=f"{_PAYMENTS}/captures.py",
        old="    emails.promise(link, Template.TICKETS)\n",
        new="    db.session.commit()\n    emails.promise(link, Template.TICKETS)\n",
        test="tests/domain/test_emails.py"
        "::test_a_payment_whose_promise_cannot_be_written_is_not_settled_either",
    ),
    Guard(
        law=5,
        what="the queue asked after the commit; here before it",
        file="webapp/domain/transaction.py",
        old="promises.append((function, arguments))",
        new="function(*arguments)",
        test="tests/domain/test_transaction.py::test_a_promise_is_kept_after_the_commit",
    ),
    Guard(
        law=5,
        what="a queue that is away: what was committed stays so",
        file="webapp/domain/transaction.py",
        old="        except Exception:\n",
        new="        except ZeroDivisionError:\n",
        test="tests/domain/test_transaction.py"
        "::test_a_promise_that_breaks_hurts_nobody_and_is_logged",
    ),
    Guard(
        law=5,
        what="emails taken back from a sender that died",
        file=_EMAILS,
        old="EmailMessage.state == EmailState.SENDING, EmailMessage.lease_until < func.now()",
        new="EmailMessage.state == EmailState.SENDING, EmailMessage.lease_until.is_(None)",
        test="tests/domain/test_email_leases.py"
        "::test_a_message_whose_senders_keep_dying_waits_longer_each_time_and_then_fails",
    ),
    Guard(
        law=5,
        what="doubt from the hand-over on: no second copy at once",
        file=_ENDINGS,
        old="step = retry_later if message.handing_over_at is None else doubt",
        new="step = retry_later",
        test="tests/domain/test_emails.py"
        "::test_what_failed_in_our_code_after_the_hand_over_began_is_doubtful",
    ),
    Guard(
        law=5,
        what="a mail server that is away: no try of any message",
        file=_EMAILS,
        old='mail.MailUnavailableError: ("mail_unavailable", endings.wait_for_server),',
        new='mail.MailUnavailableError: ("mail_unavailable", endings.retry_later),',
        test="tests/domain/test_mail_outage.py::test_an_outage_of_any_length_ends_no_promise",
    ),
    Guard(
        law=5,
        what="the end of an email, written again when the database was away for a moment",
        file=_EMAILS,
        old="            if time.monotonic() - begun > _PERSIST_S:\n",
        new="            if begun:\n",
        test="tests/domain/test_mail_outage.py"
        "::test_a_database_that_is_away_for_a_moment_after_the_servers_yes_makes_no_second_copy",
    ),
)

NO_CALL_UNDER_LOCK: Final = (
    Guard(
        law=6,
        what="the checkout asked for after the commit; here before it",
        file=f"{_PAYMENTS}/checkouts.py",
        old="    asked = ask(begun, actor=ACTOR)\n    return Started(",
        new="        asked = ask(begun, actor=ACTOR)\n    return Started(",
        test="tests/domain/test_calls_outside.py::test_nothing_is_locked_while_a_bank_says_nothing",
    ),
    Guard(
        law=6,
        what="the door to the outside, shut inside a transaction",
        file="webapp/domain/transaction.py",
        old='        raise TransactionError("no call to the outside inside a transaction")\n',
        new="        return\n",
        test="tests/domain/test_transaction.py::test_nobody_steps_outside_inside_a_transaction",
    ),
    Guard(
        law=6,
        what="the timeout of every call to a provider",
        file="webapp/providers/deadline.py",
        old="    return left if timeout is None else min(timeout, left)\n",
        new="    return timeout\n",
        test="tests/domain/test_calls_outside.py"
        "::test_a_bank_that_says_nothing_is_given_up_in_time",
    ),
    Guard(
        law=6,
        what="one deadline for a whole call, however the provider divides its answer",
        file="webapp/providers/deadline.py",
        old="    left = deadline - time.monotonic()\n",
        new="    left = 1.0\n",
        test="tests/providers/test_deadline.py"
        "::test_a_server_that_dribbles_is_given_up_at_the_deadline",
    ),
    Guard(
        law=6,
        what="the one deadline of a conversation with a mail server",
        file="webapp/mail/smtp.py",
        old='            raise TimeoutError("the conversation took too long")\n',
        new="            return _FAREWELL_S\n",
        test="tests/unit/test_mail_smtp.py::test_after_the_deadline_nothing_is_begun",
    ),
    Guard(
        law=6,
        what="the lease under which one worker renews a token, in place of a lock",
        file=f"{_PAYMENTS}/tokens.py",
        old=".where(*where, ProviderAccount.consent_lost_at.is_(None), _is_free())",
        new=".where(*where, ProviderAccount.consent_lost_at.is_(None))",
        test="tests/domain/test_tokens.py::test_while_one_renews_a_token_nobody_else_does",
    ),
)

LOCKS_AND_LEASES: Final = (
    Guard(
        law=7,
        what="locks that read the row anew",
        file="webapp/domain/transaction.py",
        old='db.session.scalar(query, execution_options={"populate_existing": True})',
        new="db.session.scalar(query)",
        test="tests/domain/test_transaction.py"
        "::test_a_lock_shows_the_row_as_it_is_and_not_as_it_was_seen",
    ),
    Guard(
        law=7,
        what="the unique column of money",
        file=_MIGRATION,
        old='            "payment_reference",\n            name=',
        new='            "id",\n            name=',
        test="tests/domain/test_once.py::test_the_same_money_cannot_be_written_down_twice",
    ),
    Guard(
        law=7,
        what="the unique column of an email's promise",
        file=_MIGRATION,
        old='sa.UniqueConstraint("promise", name=',
        new='sa.UniqueConstraint("id", "promise", name=',
        test="tests/domain/test_emails.py::test_the_same_promise_cannot_be_made_twice",
    ),
    Guard(
        law=7,
        what="the unique column of notices",
        file=_MIGRATION,
        old='            "dedupe_key",\n            name=',
        new='            "id",\n            name=',
        test="tests/domain/test_notices.py::test_the_same_notice_from_many_at_once_is_stored_once",
    ),
    Guard(
        law=7,
        what="a read's lease: the same job twice reads once",
        file=f"{_PAYMENTS}/check_leases.py",
        old=".where(PaymentAttempt.reference == reference, _is_free())",
        new=".where(PaymentAttempt.reference == reference)",
        test="tests/domain/test_verification.py"
        "::test_an_attempt_that_is_being_read_is_nobody_elses",
    ),
    Guard(
        law=7,
        what="a try counted, and committed, before a provider is asked once more",
        file=f"{_PAYMENTS}/creations.py",
        old="        attempt.start_tries += 1\n",
        new="",
        test="tests/domain/test_starts.py::test_a_try_is_counted_before_the_provider_is_asked",
    ),
    Guard(
        law=7,
        what="an email's lease: four senders at once send it once",
        file=_EMAILS,
        old="            .with_for_update(skip_locked=True)\n",
        new="",
        test="tests/domain/test_email_leases.py"
        "::test_four_senders_side_by_side_send_twenty_messages_once",
    ),
    Guard(
        law=7,
        what="the token of a closing's lease",
        file=f"{_PAYMENTS}/closing_rounds.py",
        old="        if link.closing_lease_token != lease.token:\n",
        new="        if link.closing_lease_token is None:\n",
        test="tests/domain/test_closing.py::test_a_worker_that_lost_its_lease_changes_nothing",
    ),
    Guard(
        law=7,
        what="the token of an email's lease, at the hand-over: nobody sends it twice",
        file=_EMAILS,
        old="                EmailMessage.lease_token == lease.token,\n",
        new="",
        test="tests/domain/test_email_leases.py"
        "::test_who_lost_the_lease_to_another_sender_hands_nothing_over",
    ),
    Guard(
        law=7,
        what="the token of an email's lease, at its end",
        file=_EMAILS,
        old="        if message.lease_token == lease.token:\n",
        new="        if lease.token:\n",
        test="tests/domain/test_email_leases.py"
        "::test_who_lost_the_lease_during_the_hand_over_cannot_mark_the_message_as_sent",
    ),
)

SERVICE: Final = (*PROMISES, *NO_CALL_UNDER_LOCK, *LOCKS_AND_LEASES)
