"""The status page: how soon it shows a payment, what a poll costs, and how many may wait."""

from collections.abc import Sequence

from bench import polls, seen
from bench.results import Result
from dev.office import Office
from dev.stack import Stack


def measure() -> Sequence[Result]:
    """Measure at a stack without worker and bank: what they do has figures of its own."""
    with Stack(programs=("web",), changes=polls.SETTINGS, demo="plain") as stack:
        office = Office(stack)
        try:
            with office.books() as books:
                shown = seen.measure(stack, office, books)
                with office.app.app_context():
                    polled = polls.measure(stack, books)
        finally:
            office.close()
    return [*shown, *polled]
