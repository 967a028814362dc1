"""Every setting, read once from the environment and checked at boot.

`docs/operations.md` lists them all; a test holds the two together. A name here in small letters is
the variable in capitals: `mail_url` is `MAIL_URL`.
"""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from webapp.core.addresses import Mailbox
from webapp.core.mail_url import MailUrl
from webapp.core.ticket_code import TicketSigner

ROOT = Path(__file__).resolve().parent.parent

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class SettingsError(Exception):
    """The environment is not fit to start with; the text names every variable and what is wrong."""


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/"):
        raise ValueError("must be an address such as https://pay.example, without a path")
    return url.rstrip("/")


def _mail_url(url: str) -> str:
    MailUrl.parse(url)
    return url


def _alert_email(address: str) -> str:
    if address and (Mailbox.parse(address).name or not Mailbox("", address).is_mailable):
        raise ValueError("must be an address such as ops@pay.example, or nothing")
    return address


def _mail_from(mailbox: str) -> str:
    if not Mailbox.parse(mailbox).is_mailable:
        raise ValueError("must be an address such as Tickets <tickets@pay.example>")
    return mailbox


def _service(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://billing.example/api/v1")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
Service = Annotated[str, AfterValidator(_service)]


class Settings(BaseSettings):
    """The whole environment of one process."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "test", "production"] = "production"
    base_url: Address
    site_name: str = "Tillgate"
    release: str = "dev"

    database_url: str
    redis_url: str
    secret_key: SecretStr = Field(min_length=32)
    credentials_keys: SecretStr
    ticket_signing_key: SecretStr

    mail_url: Annotated[str, AfterValidator(_mail_url)] = Field(repr=False)
    mail_from: Annotated[str, AfterValidator(_mail_from)]
    alert_email: Annotated[str, AfterValidator(_alert_email)] = Field(default="", repr=False)
    mail_timeout_s: Seconds = 20
    mail_tries: Count = 8
    mail_outage_wait_s: Seconds = 300
    mail_lease_s: Seconds = 120
    mail_repeat_after_s: Seconds = 600
    mail_max_bytes: Count = 8_000_000

    sandbox_enabled: bool = False
    sandbox_url: Address = "http://127.0.0.1:8001"
    sandbox_secret: SecretStr = SecretStr("")

    sumup_url: Address = "https://api.sumup.com"
    sumup_client_id: str = ""
    sumup_client_secret: SecretStr = SecretStr("")
    paystack_url: Address = "https://api.paystack.co"
    stripe_url: Address = "https://api.stripe.com"
    billing_base_url: Service = "http://localhost:4000/billing/api/v1"
    billing_check_interval_s: Seconds = 5
    apikey: SecretStr = SecretStr("")
    cron_secret: SecretStr = SecretStr("")
    verify_per_minute: Count = 10
    verify_within_s: Seconds = 8

    link_life_h: Count = 24
    order_hold_s: Seconds = 1800
    max_age_hours: Count = 2
    session_life_s: Seconds = 900
    session_max_attempts: Count = 3
    start_tries: Count = 3
    start_pause_s: Seconds = 2
    start_timeout_s: Seconds = 30
    sign_in_tries: Count = 10
    sign_in_tries_per_address: Count = 100
    pattern_mismatches: Count = 3
    pattern_refused_notices: Count = 20
    pattern_failed_attempts: Count = 10

    provider_create_timeout_s: Seconds = 8
    provider_timeout_s: Seconds = 10

    check_unanswered_after_s: Seconds = 20
    check_new_every_s: Seconds = 5
    check_recent_every_s: Seconds = 15
    check_open_every_s: Seconds = 300
    check_old_every_s: Seconds = 3600
    check_paid_every_s: Seconds = 86400
    check_paid_for_s: Seconds = 1_209_600
    check_new_for_s: Seconds = 120
    check_recent_for_s: Seconds = 900
    check_open_for_s: Seconds = 7200
    check_lease_s: Seconds = 60
    check_side_by_side: Count = 50
    check_per_account: Count = 10
    check_ask_every_s: Seconds = 3
    never_made_after_s: Seconds = 60
    never_shown_after_s: Seconds = 600
    refund_never_made_after_s: Seconds = 600
    watch_after_end_s: Seconds = 259_200

    closing_retry_s: Seconds = 15
    closing_lease_s: Seconds = 60
    closing_tries: Count = 8

    expiry_every_s: Count = 30
    verification_every_s: Count = 5
    ticket_email_every_s: Count = 10
    session_cleanup_every_s: Count = 300
    tokens_every_s: Count = 60
    refunds_every_s: Count = 15
    alerts_every_s: Count = 60
    audit_every_s: Count = 86_400
    drain_for_s: Seconds = 20
    job_timeout_s: Count = 300

    poll_interval_s: Seconds = 3
    poll_returned_s: Seconds = 1
    poll_slow_s: Seconds = 5
    poll_idle_s: Seconds = 15
    poll_review_s: Seconds = 30
    poll_ease_per_s: Count = 500
    poll_limit_s: Seconds = 900
    desk_poll_s: Seconds = 3

    limit_polls: Count = 240
    limit_polls_per_address: Count = 1200
    limit_api: Count = 100
    limit_pages: Count = 30
    web_threads: Count = 64

    database_pool: Count = 20
    hook_max_bytes: Count = 65_536
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if scheme not in {"postgres", "postgresql", "postgresql+psycopg"} or not separator:
            raise ValueError("must be a PostgreSQL address: postgresql://…")
        return f"postgresql+psycopg://{rest}"

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: str) -> str:
        if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must be a Redis address: redis://…, rediss://… or unix://…")
        return url

    @field_validator("credentials_keys")
    @classmethod
    def _are_fernet_keys(cls, keys: SecretStr) -> SecretStr:
        for key in keys.get_secret_value().split(","):
            Fernet(key.strip())
        return keys

    @field_validator("ticket_signing_key")
    @classmethod
    def _is_a_signing_key(cls, key: SecretStr) -> SecretStr:
        TicketSigner.from_text(key.get_secret_value())
        return key

    @field_validator("sandbox_secret")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return secret

    @model_validator(mode="after")
    def _knows_the_bank(self) -> Self:
        if self.sandbox_enabled and not self.sandbox_secret.get_secret_value():
            raise ValueError("SANDBOX_SECRET is needed where SANDBOX_ENABLED is set")
        return self

    @classmethod
    def from_env(cls) -> Self:
        """Read the environment.

        Raises:
            SettingsError: something is missing or wrong; one line each, without the values.
        """
        try:
            return cls()  # type: ignore[call-arg]  # the values come from the environment
        except ValidationError as error:
            lines = [
                f"  {': '.join([*map(str.upper, map(str, problem['loc'])), problem['msg']])}"
                for problem in error.errors(include_url=False, include_input=False)
            ]
            raise SettingsError(
                "These settings are missing or wrong (docs/operations.md explains them):\n"
                + "\n".join(lines)
            ) from None

    @property
    def is_production(self) -> bool:
        """Whether strangers' money is at stake."""
        return self.environment == "production"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us by https; then a proxy is in front, for we speak no TLS."""
        return self.base_url.startswith("https:")

    @property
    def signer(self) -> TicketSigner:
        """What signs ticket codes."""
        return TicketSigner.from_text(self.ticket_signing_key.get_secret_value())

    @property
    def mail_domain(self) -> str:
        """The right half of every Message-ID: the domain that the mail comes from."""
        return Mailbox.parse(self.mail_from).wire.rpartition("@")[2]
