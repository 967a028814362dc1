"""The buyer's timeline: a line for each thing that happened, the same for all who have the code."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from zoneinfo import ZoneInfo

from webapp.domain.payments.timelines import Timeline

# Under each key of a step: what is said, and its colour.
_WORDS: Final = {
    "opened": ("Link opened", ""),
    "started": ("Payment started", ""),
    "resumed": ("Payment started again", ""),
    "declined": ("Your bank declined it", "warning"),
    "network": ("Network error", "warning"),
    "refused": ("Payment could not be started", "warning"),
    "timeout": ("Not finished in time", "warning"),
    "exhausted": ("All attempts used", "warning"),
    "left": ("Payment cancelled", ""),
    "paid": ("Paid", "success"),
    "confirmed": ("Confirmed", "success"),
    "tickets": ("Tickets made", "success"),
    "delivered": ("Email delivered", "success"),
    "undelivered": ("Email could not be delivered", "warning"),
    "checked": ("Payment received, being checked", "warning"),
    "dismissed": ("The shop did not accept it", "warning"),
    "refunded": ("Refunded", ""),
    "expired": ("Link expired", ""),
    "canceled": ("Link canceled", ""),
}


@dataclass(frozen=True)
class StepPanel:
    """One line: what happened, its colour, and when, for people and for programs."""

    words: str
    tone: str
    at: datetime
    clock: str


@dataclass(frozen=True)
class TimelinePanel:
    """Everything checkout/_timeline.html may use, and nothing else."""

    steps: tuple[StepPanel, ...]

    @classmethod
    def of(cls, timeline: Timeline) -> Self:
        """Say what happened, with the day where it was not all on one."""
        zone = ZoneInfo(timeline.timezone)
        local = [step.at.astimezone(zone) for step in timeline.steps]
        is_one_day = len({at.date() for at in local}) <= 1
        return cls(
            tuple(
                StepPanel(
                    *_WORDS[step.key], at, f"{at:%H:%M}" if is_one_day else f"{at:%-d %b %H:%M}"
                )
                for step, at in zip(timeline.steps, local, strict=True)
            )
        )
