"""Background work is asked for by name; nothing in this package knows the functions behind it."""

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import redis
import structlog
from rq import Queue

from webapp.extensions import queue_redis, settings

logger = structlog.get_logger(__name__)


class QueueName(StrEnum):
    """What waits together. One worker process is there for `checks` only."""

    CHECKS = "checks"
    MAIL = "mail"
    DESK = "desk"


class JobName(StrEnum):
    """Each is the dotted path of a function in `tasks/`; a house test holds that it exists."""

    VERIFICATION = "tasks.payments.verification"
    CHECK = "tasks.payments.check"
    EXPIRY = "tasks.payments.expiry"
    SESSION_CLEANUP = "tasks.payments.session_cleanup"
    TICKET_EMAIL = "tasks.mail.ticket_email"
    AUDIT = "tasks.desk.audit"


QUEUE_OF: Final[Mapping[JobName, QueueName]] = MappingProxyType(
    {
        JobName.VERIFICATION: QueueName.CHECKS,
        JobName.CHECK: QueueName.CHECKS,
        JobName.EXPIRY: QueueName.CHECKS,
        JobName.SESSION_CLEANUP: QueueName.DESK,
        JobName.TICKET_EMAIL: QueueName.MAIL,
        JobName.AUDIT: QueueName.DESK,
    }
)

# A kick that is still waiting in its queue makes another one pointless. Should the waiting job be
# lost, kicks work again after so many seconds, and the sweeps never needed one.
_KICK_WAITS_S = 5


def kick(name: JobName) -> None:
    """Ask for a job soon. With the queue away nothing happens: the sweeps find the work."""
    _ask(name, (), key=_kick_key(name), at_most_every_s=_KICK_WAITS_S)


def check(attempt_reference: str) -> None:
    """Ask that one attempt be read soon, at most once in `check_ask_every_s` per attempt."""
    key = f"check:{attempt_reference}"
    _ask(JobName.CHECK, (attempt_reference,), key=key, at_most_every_s=settings.check_ask_every_s)


def started(name: str) -> None:
    """Note that a kicked job has begun: what comes from now on needs another kick."""
    with suppress(redis.RedisError):  # the note runs out by itself
        queue_redis.delete(_kick_key(name))


def _kick_key(name: str) -> str:
    return f"kick:{name}"


def _ask(name: JobName, arguments: tuple[str, ...], *, key: str, at_most_every_s: float) -> None:
    try:
        if not queue_redis.set(key, "1", nx=True, px=int(at_most_every_s * 1000)):
            return
        queue = Queue(QUEUE_OF[name], connection=queue_redis)
        queue.enqueue(name, *arguments, result_ttl=0, job_timeout=settings.job_timeout_s)
    except redis.RedisError as error:
        logger.warning("queue_away", job=name.value, reason=type(error).__name__)
