"""Who may wait for a provider: in a web process, few of its threads for any one of them.

A provider that hangs keeps each thread that asks it for as long as a call may take. Were there no
bound, its buyers alone would fill the server, and nobody else's page would come.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from webapp.core.errors import BusyError
from webapp.extensions import settings

logger = structlog.get_logger(__name__)

_guard = threading.Lock()
_waiting: Counter[str] = Counter()


@contextmanager
def room(provider: str) -> Iterator[bool]:
    """Tell whether this thread may wait for a provider, and count it until the block's end.

    Who is told False must not ask it: a worker does, or the person does again later.
    """
    most = max(settings.web_threads // 4, 1)
    with _guard:
        may = _waiting[provider] < most
        if may:
            _waiting[provider] += 1
    if not may:
        logger.warning("too_many_wait", provider=provider)
    try:
        yield may
    finally:
        if may:
            with _guard:
                _waiting[provider] -= 1


@contextmanager
def room_or_refusal(provider: str) -> Iterator[None]:
    """Count this thread among those that wait for a provider, until the block's end.

    Raises:
        BusyError: so many wait for it that this thread must not; nothing has been asked.
    """
    with room(provider) as may:
        if not may:
            raise BusyError("many are waiting for this provider: try again in a few seconds")
        yield
