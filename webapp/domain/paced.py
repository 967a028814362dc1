"""How often something may be asked for, counted in Redis. With Redis away nobody is kept out."""

import redis
import structlog

from webapp.core.errors import TooOftenError
from webapp.extensions import queue_redis

logger = structlog.get_logger(__name__)


def count(name: str, *, most: int, within_s: int) -> None:
    """Count one more wish of this name.

    Args:
        name: what is asked for; nothing personal.
        most: how many there may be.
        within_s: in so many seconds, from the first one on.

    Raises:
        TooOftenError: there were as many already.
    """
    key = f"paced:{name}"
    try:
        with queue_redis.pipeline() as pipe:
            pipe.set(key, 0, nx=True, ex=within_s)
            pipe.incr(key)
            pipe.ttl(key)
            _, counted, left_s = pipe.execute()
    except redis.RedisError as error:
        logger.warning("not_paced", what=name, reason=type(error).__name__)
        return
    if counted > most:
        raise TooOftenError(max(1, left_s))
