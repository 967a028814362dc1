"""The application's settings in development and tests, and the secrets among them."""

import base64
import json
import os
import secrets
from pathlib import Path

# Fixed, so that a failing test fails again; no secrets of anybody.
TEST_SECRETS = {
    "SECRET_KEY": "of-the-tests-" * 3,
    "CREDENTIALS_KEYS": base64.urlsafe_b64encode(b"credentials of tests: 32 bytes..").decode(),
    "TICKET_SIGNING_KEY": "t1:" + base64.b64encode(b"tickets of tests, also 32 bytes.").decode(),
    "SANDBOX_SECRET": "of-the-bank-of-the-tests-" * 2,
}


def kept_secrets(file: Path) -> dict[str, str]:
    """Return the secrets in the file, made on the first call and readable by this user only.

    They are kept because the next run must read what this one encrypted and signed.
    """
    if not file.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "CREDENTIALS_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "TICKET_SIGNING_KEY": "d1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "SANDBOX_SECRET": secrets.token_urlsafe(48),
        }
        write_private(file, made)
    return {str(name): str(value) for name, value in json.loads(file.read_text()).items()}


def write_private(file: Path, values: dict[str, str]) -> None:
    """Write values that only this user may read; a reader never meets half of them."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(values, stream)
    new.replace(file)


def application(
    folder: Path, *, port: int, bank_port: int, secret_settings: dict[str, str]
) -> dict[str, str]:
    """Return the settings of an application whose files are in `folder`, without its services."""
    return {
        "ENVIRONMENT": "development",
        "PORT": str(port),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "MAIL_URL": (folder / "mail").absolute().as_uri(),
        "MAIL_FROM": "Tillgate <tickets@tillgate.example>",
        "ALERT_EMAIL": "operator@tillgate.example",
        "SANDBOX_ENABLED": "1",
        "SANDBOX_URL": f"http://127.0.0.1:{bank_port}",
        "SANDBOX_STORE": str(folder / "sandbox.db"),
        **secret_settings,
    }
