"""The bank starts only where it is wanted and with what it needs; otherwise it says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.process import ROOT, SECRET, BankProcess, environment
from webapp.sandbox.settings import BankSettings, BankSettingsError


@pytest.fixture
def good_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which the bank starts, to be spoiled by a test."""
    monkeypatch.delenv("SANDBOX_ENABLED", raising=False)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal(env: dict[str, str]) -> str:
    """Start the bank, which must refuse with code 2, and return the one sentence it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "webapp.sandbox"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    [sentence] = ended.stderr.splitlines()
    assert SECRET not in sentence
    return sentence


@pytest.mark.parametrize("name", ["production", None])
def test_there_is_no_pretend_money_in_production(tmp_path: Path, name: str | None) -> None:
    env = environment(tmp_path)
    del env["ENVIRONMENT"]
    assert "SANDBOX_ENABLED=1" in refusal(env if name is None else {**env, "ENVIRONMENT": name})
    assert not (tmp_path / "bank.db").exists()


def test_it_can_be_switched_on_in_production(good_settings: pytest.MonkeyPatch) -> None:
    good_settings.setenv("ENVIRONMENT", "production")
    with pytest.raises(BankSettingsError):
        BankSettings.from_env()
    good_settings.setenv("SANDBOX_ENABLED", "1")
    assert BankSettings.from_env().environment == "production"


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("SANDBOX_SECRET", None, "SANDBOX_SECRET: is not set"),
        ("SANDBOX_SECRET", "short", "at least 32 characters"),
        ("SANDBOX_STORE", None, "SANDBOX_STORE: is not set"),
        ("SANDBOX_URL", "ftp://bank", "SANDBOX_URL: must be an address"),
        ("SANDBOX_URL", "http://127.0.0.1:99999", "SANDBOX_URL"),
        ("SANDBOX_DOWN_S", "-1", "SANDBOX_DOWN_S"),
        ("SANDBOX_LATE_S", "soon", "SANDBOX_LATE_S"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    good_settings: pytest.MonkeyPatch, setting: str, value: str | None, says: str
) -> None:
    if value is None:
        good_settings.delenv(setting)
    else:
        good_settings.setenv(setting, value)
    with pytest.raises(BankSettingsError) as refused:
        BankSettings.from_env()
    assert says in str(refused.value)
    assert value is None or value not in str(refused.value)


def test_a_missing_secret_ends_the_start(tmp_path: Path) -> None:
    env = environment(tmp_path)
    del env["SANDBOX_SECRET"]
    assert "SANDBOX_SECRET" in refusal(env)


def test_a_second_bank_at_the_same_address_is_refused(bank: BankProcess, tmp_path: Path) -> None:
    assert bank.url in refusal(environment(tmp_path, SANDBOX_URL=bank.url))
