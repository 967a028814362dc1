"""How often something may be asked for, counted in Redis. With Redis away nobody is kept out."""

from collections.abc import Mapping

import redis
import structlog

from webapp.core.errors import TooOftenError
from webapp.extensions import queue_redis

logger = structlog.get_logger(__name__)


def count(limits: Mapping[str, int], *, within_s: int) -> None:
    """Count one more wish under each of these keys, all of them at once.

    Args:
        limits: how many there may be, by key: what is asked for, a colon, and for whom.
        within_s: in so many seconds, from the first one on.

    Raises:
        TooOftenError: under one of them there were as many already.
    """
    try:
        with queue_redis.pipeline() as pipe:
            for key in limits:
                pipe.set(key, 0, nx=True, ex=within_s)
                pipe.incr(key)
                pipe.ttl(key)
            answers = pipe.execute()
    except redis.RedisError as error:
        what = [key.rpartition(":")[0] for key in limits]
        logger.warning("not_paced", what=what, reason=type(error).__name__)
        return
    counted = zip(limits.values(), answers[1::3], answers[2::3], strict=True)
    waits = [left_s for most, count, left_s in counted if count > most]
    if waits:
        raise TooOftenError(max(1, *waits))
