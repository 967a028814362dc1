"""Whatever buyers, banks, notices, workers and clocks do, no money is lost: law 3 in every run."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import History
from tests.properties.world import BANKS, World

_TELL_EVERY = 10


@pytest.mark.parametrize("bank_name", BANKS)
@pytest.mark.timeout(3600)
def test_whatever_happens_all_money_ends_and_what_is_paid_stays_paid(
    world: World, quiet: None, bank_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = settings.get_current_profile_name()
    chosen = settings.get_profile(profile if profile in {"drill", "quick"} else "histories")
    ended: list[int] = []

    def count(history: History) -> None:
        ended.append(len(history.books.captures))
        if profile == "drill" and len(ended) % _TELL_EVERY == 0:
            with capsys.disabled():
                print(f"\r{bank_name}: {len(ended)} of {chosen.max_examples}", end="", flush=True)  # noqa: T201

    class HistoryAtTheBank(History):
        pass

    HistoryAtTheBank.world = world
    HistoryAtTheBank.bank_name = bank_name
    HistoryAtTheBank.ended = count
    run_state_machine_as_test(HistoryAtTheBank, settings=chosen)
    assert len(ended) >= chosen.max_examples
    assert sum(ended) >= len(ended), "hardly any money was taken: these histories prove nothing"
