from pathlib import Path

from cryptography.fernet import Fernet

from dev import settings
from webapp.core.ticket_code import TicketSigner


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"

    first = settings.kept_secrets(file)

    assert settings.kept_secrets(file) == first
    assert settings.kept_secrets(tmp_path / "others.json") != first
    assert file.stat().st_mode & 0o777 == 0o600


def test_secrets_are_what_the_application_accepts(tmp_path: Path) -> None:
    for made in (settings.kept_secrets(tmp_path / "secrets.json"), settings.TEST_SECRETS):
        Fernet(made["CREDENTIALS_KEYS"])
        assert TicketSigner.from_text(made["TICKET_SIGNING_KEY"]).public_keys
        assert len(made["SECRET_KEY"]) >= 32
        assert len(made["SANDBOX_SECRET"]) >= 32
