import re

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from webapp.config import ROOT, Settings, SettingsError
from webapp.sandbox import settings as bank

PAGE = (ROOT / "docs" / "operations.md").read_text()
# | `NAME` | default | meaning |
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_page_tells_each_setting_with_its_default(name: str) -> None:
    default = Settings.model_fields[name].default
    told = ROWS[name.upper()].strip().strip("`")
    if default is PydanticUndefined:
        assert told == "needed"
    elif isinstance(default, SecretStr):
        assert told == "none"
    elif isinstance(default, bool):
        assert told == ("1" if default else "0")
    elif isinstance(default, int | float):
        assert float(told.replace(",", "")) == float(default)
    else:
        assert told == str(default)


def test_the_page_tells_of_no_setting_that_is_not_there() -> None:
    ours = {name.upper() for name in Settings.model_fields}
    banks = {name.upper() for name in bank.BankSettings.model_fields}
    web_server = {"PORT", "WEB_WORKERS"}
    assert set(ROWS) - ours - banks - web_server == set()


def test_one_error_names_every_missing_setting_and_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/x")
    with pytest.raises(SettingsError) as caught:
        Settings.from_env()
    text = str(caught.value)
    for name in ("BASE_URL", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MAIL_URL", "MAIL_FROM"):
        assert f"  {name}: " in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_FROM", "Tickets"),
        ("MAIL_FROM", "hunter2@"),
        ("MAIL_FROM", "Tickets <hunter2ä@pay.example>"),
        ("MAIL_FROM", "a@hunter2.example, b@pay.example"),
        ("ALERT_EMAIL", "hunter2"),
        ("ALERT_EMAIL", "Ops <hunter2@pay.example>"),
        ("MAIL_URL", "smtp://hunter2:hunter2@mail.example:99999"),
        ("MAIL_URL", "smtp://hunter2:hunter2@mail.example?starttls=yes"),
        ("MAIL_URL", "smtp://hunter2:hunter2@mail.example/inbox"),
        ("MAIL_URL", "file://hunter2/mail"),
        ("MAIL_URL", "smtp://hunter2[@mail.example"),
    ],
)
def test_mail_that_could_never_go_out_is_refused_at_the_start(
    name: str, value: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_SECRET", settings.sandbox_secret.get_secret_value())
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings.from_env()
    (problem,) = str(caught.value).splitlines()[1:]
    assert problem.startswith(f"  {name}: ")
    assert "must be" in problem
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("tickets@pay.example", "pay.example"),
        ("Tickets <tickets@pay.example>", "pay.example"),
        ("Tickets <karten@bühne.example>", "xn--bhne-0ra.example"),
    ],
)
def test_the_domain_of_message_ids_is_the_senders_as_mail_servers_speak_it(
    settings: Settings, sender: str, domain: str
) -> None:
    changed = Settings.model_validate(settings.model_dump() | {"mail_from": sender})
    assert changed.mail_domain == domain
