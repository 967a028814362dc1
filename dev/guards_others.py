"""The guards of laws 8 to 11: what nobody may do to the others who use the house."""

from typing import Final

from dev.guards_shape import Guard

_PAYMENTS: Final = "webapp/domain/payments"

POLLS: Final = (
    Guard(
        law=8,
        what="a poll that writes nothing; here it counts its askers",
        file=f"{_PAYMENTS}/status.py",
        old='    row = db.session.execute(question(), {"code": code}).one_or_none()\n',
        new='    row = db.session.execute(question(), {"code": code}).one_or_none()\n'
        "    db.session.execute(\n"
        "        PaymentLink.__table__.update().values(version=PaymentLink.version + 1)\n"
        "    )\n",
        test="tests/web/test_status.py::test_a_poll_changes_no_row",
    ),
    Guard(
        law=8,
        what="the polls' own connections, on which nothing can be written",
        file=f"{_PAYMENTS}/status_reads.py",
        old="-c default_transaction_read_only=on ",
        new="",
        test="tests/web/test_status_lane.py::test_the_lane_could_not_write_if_it_tried",
    ),
    Guard(
        law=8,
        what="one check in a few seconds, however many ask",
        file="webapp/jobs.py",
        old="nx=True",
        new="nx=False",
        test="tests/web/test_status.py::test_a_poll_asks_the_queue_for_one_check_however_many_ask",
    ),
    Guard(
        law=8,
        what="a buyer who waits, and a silent bank that keeps its time",
        file=f"{_PAYMENTS}/check_leases.py",
        old="                PaymentAttempt.unreadable_count == 0,\n",
        new="",
        test="tests/domain/test_sick_accounts.py"
        "::test_a_buyer_who_waits_pulls_a_read_forward_unless_the_last_one_failed",
    ),
)

FAILING_ROWS: Final = (
    Guard(
        law=9,
        what="an attempt that cannot be settled, kept to itself",
        file=f"{_PAYMENTS}/verification.py",
        old='        logger.exception("settlement_failed", attempt=check.reference)\n',
        new="        raise\n",
        test="tests/domain/test_verification.py"
        "::test_a_row_that_always_fails_moves_its_own_clock_and_nobody_elses",
    ),
    Guard(
        law=9,
        what="the clock of an attempt, moved before it is read",
        file=f"{_PAYMENTS}/check_leases.py",
        old="                next_check_at=lease_until,\n",
        new="",
        test="tests/domain/test_verification.py"
        "::test_a_reader_that_died_leaves_the_attempt_to_the_next_one",
    ),
    Guard(
        law=9,
        what="the clock of an email, moved before it is composed",
        file="webapp/domain/messages/emails.py",
        old="        message.due_at = now + wait(message.tries)\n",
        new="",
        test="tests/domain/test_emails.py"
        "::test_a_message_that_cannot_be_composed_moves_only_its_own_clock",
    ),
    Guard(
        law=9,
        what="an alert's mail whose next time is set before it is tried",
        file="webapp/domain/messages/alert_mails.py",
        old="        due.due_at = now + wait(due.tries)\n",
        new="",
        test="tests/domain/test_alert_mails.py"
        "::test_a_mail_that_fails_by_itself_waits_longer_each_time_and_is_given_up",
    ),
    Guard(
        law=9,
        what="a sweep that passes over what somebody holds",
        file="webapp/domain/transaction.py",
        old=".with_for_update(skip_locked=True)",
        new=".with_for_update()",
        test="tests/domain/test_closing.py::test_a_link_that_somebody_holds_is_closed_another_time",
    ),
)

OWN_ROWS: Final = (
    Guard(
        law=10,
        what="the merchant in every search for a link",
        file=f"{_PAYMENTS}/links.py",
        old="return PaymentLink.merchant_id == merchant.id, or_(*names)",
        new="return (or_(*names),)",
        test="tests/domain/test_links.py::test_a_link_of_another_merchant_is_not_there",
    ),
    Guard(
        law=10,
        what="the merchant whose payment is verified by whatever name it has",
        file=f"{_PAYMENTS}/asking.py",
        old="            PaymentLink.merchant_id == merchant.id,\n            or_(",
        new="            or_(",
        test="tests/api/test_payment_verify.py::test_another_merchants_order_is_not_there",
    ),
    Guard(
        law=10,
        what="the browser, or the merchant, whose sitting it is",
        file=f"{_PAYMENTS}/sitting_views.py",
        old="    if not is_browser and not is_merchant:\n",
        new="    if row is not row:\n",
        test="tests/domain/test_sittings.py"
        "::test_a_sitting_is_its_browsers_and_its_merchants_and_nobody_elses",
    ),
    Guard(
        law=10,
        what="the merchant whose buyers' sittings are listed",
        file=f"{_PAYMENTS}/sitting_views.py",
        old="        PaymentLink.merchant_id == merchant.id,\n        PaymentSession.state",
        new="        PaymentSession.state",
        test="tests/domain/test_sittings.py"
        "::test_a_merchant_sees_its_own_active_sittings_the_newest_first",
    ),
    Guard(
        law=10,
        what="the merchant of the list of links",
        file=f"{_PAYMENTS}/link_lists.py",
        old="PaymentLink.merchant_id == merchant.id, PaymentLink.state.in_(_STATES[tab])",
        new="PaymentLink.state.in_(_STATES[tab])",
        test="tests/web/test_desk_list.py::test_a_list_holds_ones_own_links_only",
    ),
    Guard(
        law=10,
        what="the merchant on every page of a link at the desk",
        file=f"{_PAYMENTS}/links.py",
        old="    return PaymentLink.merchant_id == merchant.id, or_(*names)\n",
        new="    return (or_(*names),)\n",
        test="tests/web/test_desk_others.py::test_another_merchants_link_is_not_there_on_any_route",
    ),
    Guard(
        law=10,
        what="the merchant whose email is sent again",
        file="webapp/domain/messages/resending.py",
        old="PaymentLink.merchant_id == merchant.id, PaymentLink.reference == order",
        new="PaymentLink.reference == order",
        test="tests/domain/test_resending_again.py"
        "::test_an_email_of_another_merchant_or_another_order_is_not_there",
    ),
    Guard(
        law=10,
        what="the merchant of a form that comes twice",
        file=f"{_PAYMENTS}/placing.py",
        old="PaymentLink.merchant_id == merchant.id, PaymentLink.form_id == form_id",
        new="PaymentLink.form_id == form_id",
        test="tests/domain/test_placing.py"
        "::test_the_form_of_one_merchant_never_leads_to_the_link_of_another",
    ),
    Guard(
        law=10,
        what="the desk for owners and staff only",
        file="webapp/web/dashboard/desk.py",
        old="    made.before_request(auth.admit)\n",
        new="",
        test="tests/web/test_desk_sign_in.py"
        "::test_whom_the_desk_is_not_for_is_told_so_in_plain_words",
    ),
    Guard(
        law=10,
        what="the merchant of the event that a link is for",
        file=f"{_PAYMENTS}/links.py",
        old="if order.event is not None and order.event.merchant_id != merchant.id:",
        new="if order.event is not None and order.event.merchant_id is None:",
        test="tests/domain/test_link_input.py::test_an_event_of_another_merchant_is_not_there",
    ),
    Guard(
        law=10,
        what="the merchant of a link whose status is asked for with a key",
        file=f"{_PAYMENTS}/public_status.py",
        old="else PaymentLink.merchant_id == merchant.id",
        new="else PaymentLink.merchant_id == PaymentLink.merchant_id",
        test="tests/api/test_link_status.py::test_another_merchants_key_sees_no_link",
    ),
    Guard(
        law=10,
        what="the merchant of a buyer's sitting",
        file=f"{_PAYMENTS}/sitting_views.py",
        old="holder.merchant.id == row.merchant_id",
        new="holder.merchant.id != 0",
        test="tests/api/test_payment_sessions.py::test_another_merchant_sees_nothing_on_any_route",
    ),
    Guard(
        law=10,
        what="a key that was revoked",
        file="webapp/domain/desk/api_keys.py",
        old=".where(ApiKey.prefix == found[1], ApiKey.revoked_at.is_(None))",
        new=".where(ApiKey.prefix == found[1])",
        test="tests/api/test_keys.py::test_a_revoked_key_opens_nothing_from_the_next_request_on",
    ),
    Guard(
        law=10,
        what="the cookies that another site's page would make use of",
        file="webapp/api/access.py",
        old="if site is not None and site not in {",
        new="if site is None and site not in {",
        test="tests/api/test_payment_sessions.py::test_a_page_of_another_site_moves_nothing",
    ),
    Guard(
        law=10,
        what="the account that a notice may speak for",
        file=f"{_PAYMENTS}/notices.py",
        old=".where(PaymentAttempt.provider_account_id == account_id, name)",
        new=".where(name)",
        test="tests/domain/test_notices.py"
        "::test_one_account_cannot_speak_about_the_attempts_of_another",
    ),
)

NOTHING_SENSITIVE: Final = (
    Guard(
        law=11,
        what="the hash that stands for a key",
        file="webapp/domain/desk/api_keys.py",
        old="            key_hash=fingerprints.of_random(said),\n",
        new="            key_hash=said,\n",
        test="tests/api/test_keys.py::test_the_key_is_stored_and_logged_nowhere",
    ),
    Guard(
        law=11,
        what="the websites whose scripts may read",
        file="webapp/api/payment_links.py",
        old="    if site in sites:\n",
        new="    if site:\n",
        test="tests/api/test_link_status.py"
        "::test_scripts_on_the_merchants_own_websites_may_read_and_no_others",
    ),
    Guard(
        law=11,
        what="the cleaning of every line of the log",
        file="webapp/logs.py",
        old="                redact,\n",
        new="",
        test="tests/unit/test_logs.py::test_no_line_says_who_it_was_or_how_to_get_in",
    ),
    Guard(
        law=11,
        what="errors of the database without what was written",
        file="webapp/factory.py",
        old='            "hide_parameters": True,',
        new='            "hide_parameters": False,',
        test="tests/domain/test_secrecy.py::test_an_error_of_the_database_names_nobody",
    ),
    Guard(
        law=11,
        what="jobs that carry an attempt's reference and nothing else",
        file=f"{_PAYMENTS}/creations.py",
        old="after_commit(jobs.check, attempt.reference)\n",
        new='after_commit(jobs.check, f"{attempt.reference} of {attempt.link.buyer_email}")\n',
        test="tests/domain/test_secrecy.py::test_a_job_carries_a_reference_and_nothing_else",
    ),
    Guard(
        law=11,
        what="an error page that says nothing of the inside",
        file="webapp/refusals.py",
        old='"We have been told. Nothing is lost: please try again in a moment.",',
        new='f"We have been told of {error}. Nothing is lost.",',
        test="tests/web/test_errors.py::test_an_unexpected_error_shows_nothing_of_the_inside",
    ),
    Guard(
        law=11,
        what="address and serials for the buyer's own browser only",
        file="webapp/web/checkout.py",
        old="is_buyers = link.state is LinkState.PAID and sessions.has_paid(link.id, token)",
        new="is_buyers = True",
        test="tests/web/test_checkout.py::test_only_the_buyers_browser_sees_address_and_serials",
    ),
    Guard(
        law=11,
        what="the address of a payment, told to no other site",
        file="webapp/web/headers.py",
        old='    ("Referrer-Policy", "no-referrer"),\n',
        new="",
        test="tests/house/test_routes.py::test_every_answer_carries_the_policy",
    ),
    Guard(
        law=11,
        what="the buyer's cookie, stored as a digest",
        file=f"{_PAYMENTS}/sessions.py",
        old="return fingerprints.of_random(token)",
        new="return token",
        test="tests/domain/test_sessions.py::test_the_token_itself_is_nowhere_in_the_database",
    ),
    Guard(
        law=11,
        what="the signature of the token that opens the tickets",
        file="webapp/domain/tickets/buyer_tokens.py",
        old="        code = _signer().unsign(token).decode()\n",
        new='        code = token.partition(".")[0]\n',
        test="tests/web/test_tickets.py::test_who_has_only_the_code_sees_no_ticket",
    ),
)

OTHERS: Final = (*POLLS, *FAILING_ROWS, *OWN_ROWS, *NOTHING_SENSITIVE)
