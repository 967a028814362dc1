"""Users: people who sign in, for a merchant or to run the deployment."""

import hashlib
import hmac

from sqlalchemy import func, select

from webapp.core import text
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.domain.desk import passwords
from webapp.domain.transaction import lock, step_outside, transaction
from webapp.extensions import db
from webapp.models import Merchant, User

ROLES = ("owner", "staff", "scanner")
MAX_NAME = 120


def make(merchant: Merchant, *, email: str, password: str, name: str, role: str = "owner") -> User:
    """Write a user of a merchant. See `draft`, which says what is refused."""
    user = draft(email=email, password=password, name=name, role=role)
    with transaction():
        add(merchant, user)
    return user


def draft(*, email: str, password: str, name: str, role: str = "owner") -> User:
    """Return a user who belongs to nobody yet. It hashes: outside a transaction, please.

    Args:
        email: what they sign in with; known again in either case.
        password: 12 to 200 characters.
        name: how the audit trail calls them.
        role: one of `ROLES`; a scanner sees the door only.

    Raises:
        InvalidInputError: a value cannot be accepted.
    """
    if role not in ROLES:
        raise InvalidInputError("role", f"must be one of {', '.join(ROLES)}")
    return User(
        email=text.email_address("email", email),
        name=text.one_line("name", name, MAX_NAME),
        password_hash=passwords.hashed(password),
        role=role,
    )


def add(merchant: Merchant, user: User) -> None:
    """Write a drafted user, in this transaction.

    Raises:
        InvalidInputError: somebody signs in with this address already.
    """
    # Two who want the same address at once come in here one after the other.
    key = f"user:{user.email.lower()}"
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
    if _id_of(user.email) is not None:
        raise InvalidInputError("email", f"{user.email} is taken")
    user.merchant_id = merchant.id
    db.session.add(user)


def verify(email: str, password: str) -> User | None:
    """Return who signs in with this address and password, or None.

    An unknown address takes as long as a wrong password. A password that was stored with older
    figures is stored with today's, which ends the user's other sessions. A password that somebody
    replaces at the same moment is not right any more.

    Raises:
        BusyError: too many sign in at this moment.
    """
    user = _by_email(email)
    user_id, stored = (user.id, user.password_hash) if user else (None, None)
    step_outside()  # hashing takes long: no connection waits for it
    is_right = passwords.matches(stored, password[: passwords.LONGEST])
    if user_id is None or stored is None or not is_right or len(password) > passwords.LONGEST:
        return None
    if passwords.is_outdated(stored):
        renewed = passwords.hashed(password)
        _store(user_id, renewed, instead_of=stored)
        stored = renewed
    found = db.session.get(User, user_id)
    return found if found is not None and found.password_hash == stored else None


def set_password(email: str, password: str) -> User:
    """Give a user a new password; all their sessions end.

    Raises:
        NotFoundError: nobody signs in with this address.
        InvalidInputError: the password is too short or too long.
    """
    user = _by_email(email)
    if user is None:
        raise NotFoundError("nobody signs in with this address")
    user_id = user.id
    step_outside()
    _store(user_id, passwords.hashed(password))
    return user


def end_sessions(user_id: int) -> None:
    """End all of a user's sessions, wherever their cookies were copied to.

    A session lives in its cookie alone, and one cannot be told from another: whoever signs out is
    signed out on their other devices too.

    Raises:
        NotFoundError: there is no such user.
    """
    with transaction():
        lock(User, User.id == user_id).sign_outs += 1


def get(user_id: int) -> User | None:
    """Return a user by id, or None."""
    return db.session.get(User, user_id)


def session_stamp(user: User) -> str:
    """Return what a session is bound to: another password or a sign-out makes another stamp."""
    bound_to = f"{user.password_hash or ''}|{user.sign_outs}"
    return hashlib.sha256(bound_to.encode()).hexdigest()[:32]


def is_stamped(user: User, stamp: str) -> bool:
    """Say whether a session with this stamp still stands."""
    has_password = user.password_hash is not None
    return has_password and hmac.compare_digest(session_stamp(user).encode(), stamp.encode())


def names(merchant: Merchant) -> dict[int, str]:
    """Return how the merchant's users are called, by id."""
    query = select(User.id, User.name).where(User.merchant_id == merchant.id)
    return {row.id: row.name for row in db.session.execute(query)}


def addresses(merchant: Merchant) -> list[str]:
    """Return what the merchant's users sign in with."""
    query = select(User.email).where(User.merchant_id == merchant.id)
    return list(db.session.scalars(query))


def _by_email(email: str) -> User | None:
    user_id = _id_of(email)
    return db.session.get(User, user_id) if user_id is not None else None


def _id_of(email: str) -> int | None:
    try:
        address = text.email_address("email", email)
    except InvalidInputError:
        return None
    query = select(User.id).where(func.lower(User.email) == func.lower(address))
    return db.session.scalar(query)


def _store(user_id: int, password_hash: str, *, instead_of: str | None = None) -> None:
    with transaction():
        user = lock(User, User.id == user_id)
        # Whoever has set another password meanwhile, wins.
        if instead_of in {None, user.password_hash}:
            user.password_hash = password_hash
