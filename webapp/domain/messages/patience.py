"""How long what was not taken by a mail server rests before it is offered again."""

from datetime import timedelta
from typing import Final

# 1, 2, 4 … minutes, at most an hour.
_FIRST_WAIT_S: Final = 60
_LONGEST_WAIT_S: Final = 3600


def wait(tries: int) -> timedelta:
    """Return how long a message rests after so many tries that concerned it."""
    return timedelta(seconds=min(_FIRST_WAIT_S * 2 ** (tries - 1), _LONGEST_WAIT_S))
