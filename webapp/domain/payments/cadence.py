"""When an attempt is read next: often while it is young, then ever less, until nobody watches."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.config import Settings
from webapp.core.states import MAY_HOLD_MONEY, AttemptState
from webapp.providers.base import Found, Read, Unreadable

# A provider that cannot be read is asked again after 5, 10, 20 … seconds, at most every 5 minutes.
_LONGEST_BACKOFF_S = 300

# The last read comes so long before the watch ends: late enough to mean something, and early enough
# for a sweep that is behind.
LAST_READ_S = 60


@dataclass(frozen=True)
class Watched:
    """What the next read depends on."""

    state: AttemptState
    created_at: datetime
    watch_until: datetime
    unreadable_count: int
    # Where no notice will come, an open checkout is read at one steady pace: one that is there.
    sends_notices: bool = True
    # A buyer waits for the checkout: so soon comes the next step, while it is young.
    follow_up_s: float | None = None


def next_check_at(
    watched: Watched, read: Read, *, now: datetime, settings: Settings
) -> datetime | None:
    """Return when to read again, or None when the attempt is watched no longer.

    Where the pace, or a provider that asks us to wait, would pass the end of the watch, one last
    read comes shortly before it: money must not lie unseen in the last hour.

    Args:
        watched: the attempt as it is after this read; `unreadable_count` includes it.
        read: what was read just now.
        now: PostgreSQL's present.
        settings: the cadence.
    """
    age_s = (now - watched.created_at).total_seconds()
    asked_to_wait_s = read.retry_after_s or 0 if isinstance(read, Unreadable) else 0
    is_starting = watched.state is AttemptState.CREATED and age_s < settings.start_timeout_s
    if watched.follow_up_s is not None and is_starting:
        wait = max(watched.follow_up_s, asked_to_wait_s)
    elif isinstance(read, Unreadable):
        wait = backoff_s(watched.unreadable_count, read, settings)
    elif watched.state is AttemptState.SUCCEEDED:
        wait = settings.check_paid_every_s
    elif watched.state in MAY_HOLD_MONEY and not watched.sends_notices and isinstance(read, Found):
        wait = settings.billing_check_interval_s
    else:
        wait = _by_age(age_s, settings)
    following = now + timedelta(seconds=wait)
    if following < watched.watch_until:
        return following
    last = watched.watch_until - timedelta(seconds=LAST_READ_S)
    return last if last > now else None


def backoff_s(count: int, read: Unreadable, settings: Settings) -> float:
    """Return how long to wait after the n-th unreadable answer in a row, in seconds."""
    doubled: int = 2 ** min(max(count - 1, 0), 10)
    wait = min(settings.check_new_every_s * doubled, _LONGEST_BACKOFF_S)
    return max(wait, min(read.retry_after_s or 0, settings.check_old_every_s))


def _by_age(age_s: float, settings: Settings) -> float:
    if age_s < settings.check_new_for_s:
        return settings.check_new_every_s
    if age_s < settings.check_recent_for_s:
        return settings.check_recent_every_s
    if age_s < settings.check_open_for_s:
        return settings.check_open_every_s
    return settings.check_old_every_s
