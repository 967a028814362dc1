"""How much one run of a job may take on: so many rows, so many seconds."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass
class Budget:
    """Counted down as rows are taken; the time is checked before each new one."""

    rows: int
    deadline: float

    @classmethod
    def of(cls, *, seconds: float, rows: int = 1_000_000) -> Self:
        """Return a budget that ends `seconds` from now, or after `rows`."""
        return cls(rows, time.monotonic() + seconds)

    @property
    def is_spent(self) -> bool:
        """Whether nothing new should be taken on."""
        return self.rows <= 0 or time.monotonic() >= self.deadline
