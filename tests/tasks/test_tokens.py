"""The job of tokens: renews what ends soon, ends what nobody reads any more, and leaves a row."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tasks.payments import tokens
from tests.conftest import Configure
from tests.domain.at_sumup import AtSumUp, sumup_of
from tests.factories import Factories, everything, fresh
from webapp.core.states import AccountState
from webapp.domain.payments import accounts
from webapp.models import JobRun


@pytest.fixture
def at_sumup(make: Factories, configure: Configure) -> Iterator[AtSumUp]:
    with sumup_of(make, configure) as at_sumup:
        yield at_sumup


def test_a_run_renews_tokens_and_ends_accounts_that_nothing_is_read_with(
    at_sumup: AtSumUp,
) -> None:
    account = at_sumup.by_consent()
    before = at_sumup.secrets(account)
    at_sumup.age(account, left=timedelta(minutes=5))
    tokens()
    assert at_sumup.secrets(account) != before
    bank = accounts.of_provider(at_sumup.shop, "sandbox")
    assert bank is not None
    assert fresh(bank).state is AccountState.DISCONNECTED
    (run,) = everything(JobRun)
    assert (run.processed, run.errors) == (2, 0)
    assert run.detail == {"renewed": 1, "failed": 0, "lost": 0, "disconnected": 1}
    tokens()
    assert len(everything(JobRun)) == 1, "a run that did nothing leaves no row"
