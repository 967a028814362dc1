"""What one check of an attempt came to, and what a cycle of them found."""

from dataclasses import dataclass

from webapp.domain.payments.settlement import Outcome
from webapp.providers.base import Found, Read, Unreadable


@dataclass(frozen=True)
class Conclusion:
    """What was read of one attempt, and what it changed; None where nothing could be settled."""

    reference: str
    read: Read
    outcome: Outcome | None


@dataclass
class Summary:
    """What one cycle found. `errors` counts what was unreadable or needs a person."""

    verified: int = 0
    failed: int = 0
    pending: int = 0
    errors: int = 0

    @property
    def total(self) -> int:
        """How many attempts were read."""
        return self.verified + self.failed + self.pending + self.errors

    def count(self, conclusion: Conclusion) -> None:
        """Add one conclusion."""
        read, outcome = conclusion.read, conclusion.outcome
        if isinstance(read, Unreadable) or outcome in _FOR_A_PERSON:
            self.errors += 1
        elif not isinstance(read, Found):
            self.pending += 1
        elif read.observation.payments:
            self.verified += 1
        elif outcome is Outcome.ENDED:
            self.failed += 1
        else:
            self.pending += 1


_FOR_A_PERSON = frozenset({Outcome.HELD, Outcome.SURPLUS, Outcome.FOREIGN, Outcome.REVERSED})
