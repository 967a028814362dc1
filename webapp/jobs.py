"""Background work is asked for by name; nothing in this package knows the functions behind it."""

from collections.abc import Iterable, Mapping
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
    REFUNDS = "tasks.payments.refunds"
    SESSION_CLEANUP = "tasks.payments.session_cleanup"
    TOKENS = "tasks.payments.tokens"
    TICKET_EMAIL = "tasks.mail.ticket_email"
    ALERTS = "tasks.desk.alerts"
    AUDIT = "tasks.desk.audit"


QUEUE_OF: Final[Mapping[JobName, QueueName]] = MappingProxyType(
    {
        JobName.VERIFICATION: QueueName.CHECKS,
        JobName.CHECK: QueueName.CHECKS,
        JobName.EXPIRY: QueueName.CHECKS,
        JobName.REFUNDS: QueueName.CHECKS,
        JobName.SESSION_CLEANUP: QueueName.DESK,
        JobName.TOKENS: QueueName.DESK,
        JobName.TICKET_EMAIL: QueueName.MAIL,
        JobName.ALERTS: QueueName.DESK,
        JobName.AUDIT: QueueName.DESK,
    }
)

# What was asked for waits so long, in seconds, and makes the same wish pointless meanwhile. With no
# worker there it is forgotten then, and the sweeps, which wait for ever, find its work.
_WAITS_S: Final = 10

# Redis forgets a job whose time is up, and its queue keeps the name until a worker comes by. Where
# so many wait, one more would be done no sooner than the next sweep.
_MOST_WAITING: Final = 200

# RQ keeps a failed job with its traceback, past our log's redaction, for a year unless told.
FAILURE_KEPT_S: Final = 3600


def kick(name: JobName) -> None:
    """Ask for a job soon. With the queue away nothing happens: the sweeps find the work."""
    _ask(name, {_kick_key(name): ()})


def check(attempt_reference: str) -> None:
    """Ask that one attempt be read soon.

    Nothing happens while the last wish still waits, and for `check_ask_every_s` after its job's
    beginning.
    """
    check_all([attempt_reference])


def check_all(attempt_references: Iterable[str]) -> None:
    """Ask for each what `check` does, in one conversation with the queue."""
    _ask(JobName.CHECK, {_check_key(reference): (reference,) for reference in attempt_references})


def started(name: str) -> None:
    """Note that a kicked job has begun: what comes from now on needs another kick."""
    with suppress(redis.RedisError):  # the note runs out by itself
        queue_redis.delete(_kick_key(name))


def check_started(attempt_reference: str) -> None:
    """Note that a check has begun: from now on its attempt may be asked about at its pace again."""
    with suppress(redis.RedisError):  # the note runs out by itself
        pace_ms = int(settings.check_ask_every_s * 1000)
        queue_redis.set(_check_key(attempt_reference), "1", px=pace_ms)


def is_awaited(queue: QueueName) -> bool:
    """Say whether a job waits in this queue. With Redis away none is known of."""
    try:
        return Queue(queue, connection=queue_redis).count > 0
    except redis.RedisError:
        return False


def _kick_key(name: str) -> str:
    return f"kick:{name}"


def _check_key(attempt_reference: str) -> str:
    return f"check:{attempt_reference}"


def _ask(name: JobName, wishes: Mapping[str, tuple[str, ...]]) -> None:
    """Ask for a job with each wish's arguments, unless its key says that it was asked for."""
    try:
        with queue_redis.pipeline(transaction=False) as line:
            for key in wishes:
                line.set(key, "1", nx=True, ex=_WAITS_S)
            new = [key for key, is_first in zip(wishes, line.execute(), strict=True) if is_first]
        if not new:
            return
        queue = Queue(QUEUE_OF[name], connection=queue_redis)
        room = max(_MOST_WAITING - queue.count, 0)
        if len(new) > room:
            logger.warning("queue_full", job=name.value, left_out=len(new) - room)
        for key in new[:room]:
            queue.enqueue(
                name,
                *wishes[key],
                result_ttl=0,
                failure_ttl=FAILURE_KEPT_S,
                ttl=_WAITS_S,
                job_timeout=settings.job_timeout_s,
            )
    except redis.RedisError as error:
        logger.warning("queue_away", job=name.value, reason=type(error).__name__)
