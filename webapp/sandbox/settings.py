"""The bank's own settings, read once from its own environment and checked at boot."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class BankSettingsError(Exception):
    """The environment is not fit to start with; the text is one sentence without the values."""


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
        raise ValueError("must be an address such as http://127.0.0.1:8001")
    if parts.port == 0:
        raise ValueError("must name a port above zero")
    return url.rstrip("/")


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < 32:
        raise ValueError("must have at least 32 characters")
    return secret


class BankSettings(BaseSettings):
    """Everything the bank reads from its environment; durations are in seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "test", "production"] = "production"
    sandbox_enabled: bool = False
    sandbox_url: Annotated[str, AfterValidator(_address)] = "http://127.0.0.1:8001"
    sandbox_secret: Annotated[SecretStr, AfterValidator(_long_enough)]
    sandbox_store: Path
    sandbox_down_s: Seconds = 120
    sandbox_late_s: Seconds = 20
    sandbox_notice_delay_s: Seconds = 0.2

    @model_validator(mode="after")
    def _is_wanted(self) -> Self:
        if self.environment == "production" and not self.sandbox_enabled:
            raise ValueError(
                "pretend money has no place where ENVIRONMENT is production or not set, "
                "unless SANDBOX_ENABLED=1"
            )
        return self

    @classmethod
    def from_env(cls) -> Self:
        """Read the environment.

        Raises:
            BankSettingsError: something is missing or wrong, or the bank is not wanted here.
        """
        try:
            return cls()  # type: ignore[call-arg]  # the values come from the environment
        except ValidationError as error:
            problems = [
                ": ".join(filter(None, ["_".join(map(str, problem["loc"])).upper(), reason]))
                for problem in error.errors(include_url=False, include_input=False)
                for reason in [
                    "is not set"
                    if problem["type"] == "missing"
                    else problem["msg"].removeprefix("Value error, ")
                ]
            ]
            raise BankSettingsError(
                f"The sandbox bank does not start: {'; '.join(problems)}."
            ) from None

    @property
    def secret(self) -> str:
        """What every account's keys are derived from."""
        return self.sandbox_secret.get_secret_value()

    @property
    def host(self) -> str:
        """The host to listen on."""
        return urlsplit(self.sandbox_url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port to listen on."""
        return urlsplit(self.sandbox_url).port or 80
