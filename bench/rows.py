"""Many rows at once, written by plain SQL: what a season of sales would leave."""

from typing import Any, Final

import psycopg

from webapp.domain.desk import merchants
from webapp.domain.payments import accounts
from webapp.models import ProviderAccount

Books = psycopg.Connection[dict[str, Any]]

# Letters that differ from row to row, none of which is of our own alphabet: no two meet.
_MANY: Final = "lpad(upper(to_hex(n)), 7, 'U')"

_LINKS: Final = f"""
    INSERT INTO payment_link (public_id, code, reference, merchant_id, provider_account_id, title,
                              amount_minor, currency, ticket_count, buyer_email, state, version,
                              expires_at, opened_at, may_hold_money, seats_held, closing_failures)
    SELECT gen_random_uuid(), %(name)s || {_MANY}, 'ORD-' || %(name)s || {_MANY}, %(merchant)s,
           %(account)s, 'One of many', 2500, 'EUR', 2, 'buyer@buyers.example', 'OPEN', 1,
           now() + make_interval(secs => %(life_s)s), now(), %(has_attempt)s, 0, 0
    FROM generate_series(1, %(count)s) n
    RETURNING id
"""  # noqa: S608  # nobody else's words are in it

# An hour old: read every five minutes, so that none is due again before a slow run is over.
_ATTEMPTS: Final = """
    WITH link AS (
        SELECT id, merchant_id, provider_account_id, row_number() OVER (ORDER BY id) AS n,
               lower(substr(reference, 5)) AS name
        FROM payment_link WHERE id = ANY(%(links)s)
    ), sitting AS (
        INSERT INTO payment_session (reference, link_id, token_hash, state, attempt_count,
                                     expires_at)
        SELECT 'ses-' || name, id, name, 'PROCESSING', 1, now() + interval '5 min' FROM link
        RETURNING id, link_id
    )
    INSERT INTO payment_attempt (reference, link_id, session_id, provider_account_id, amount_minor,
                                 currency, state, is_current, request, checkout_id, checkout_url,
                                 watch_until, next_check_at, unreadable_count, missing_count,
                                 created_at)
    SELECT 'att-' || name, link.id, sitting.id, provider_account_id, 2500, 'EUR', 'PENDING', true,
           jsonb_build_object('reference', 'att-' || name),
           CASE WHEN n * %(paid)s / %(count)s > (n - 1) * %(paid)s / %(count)s
                     THEN 'paid.' ELSE 'open.' END || 'att-' || name,
           'https://bank.example/', now() + interval '1 day', now(), 0, 0,
           now() - interval '1 hour'
    FROM link JOIN sitting ON sitting.link_id = link.id
"""

# What a round leaves, but for the merchants and their accounts.
FORGET: Final = """
    TRUNCATE payment_link, payment_event, payment_session, payment_attempt, capture, ticket,
             email_message CASCADE
"""


def account(slug: str) -> ProviderAccount:
    """Make a merchant with an account at the sandbox, and return the account."""
    merchant = merchants.make(slug, f"The shop {slug}", support_email=None)
    merchants.connect_sandbox(merchant)
    return accounts.active(merchant)


def links(
    books: Books,
    of: ProviderAccount,
    count: int,
    *,
    name: str,
    life_s: float = 3600,
    has_attempt: bool = False,
) -> list[int]:
    """Write open links and return their ids.

    Args:
        books: our database.
        of: the account that they are paid to.
        count: how many.
        name: what their codes begin with; one letter or two, used once.
        life_s: until they are over, in seconds; less than nothing makes them overdue.
        has_attempt: money may be on its way for each.
    """
    values = {
        "name": name,
        "merchant": of.merchant_id,
        "account": of.id,
        "life_s": life_s,
        "has_attempt": has_attempt,
        "count": count,
    }
    return [row["id"] for row in books.execute(_LINKS.encode(), values).fetchall()]


def due_attempts(
    books: Books,
    of: ProviderAccount,
    count: int,
    *,
    name: str,
    paid: int = 0,
    life_s: float = 3600,
) -> None:
    """Write attempts that are due now, each with a link of its own.

    Args:
        books: our database.
        of: the account that they are paid to.
        count: how many.
        name: what the codes of their links begin with.
        paid: how many of them the fake bank says have been paid, evenly among the others.
        life_s: until the links are over, in seconds.
    """
    ids = links(books, of, count, name=name, life_s=life_s, has_attempt=True)
    books.execute(_ATTEMPTS.encode(), {"links": ids, "count": count, "paid": paid})
