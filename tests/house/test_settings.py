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
