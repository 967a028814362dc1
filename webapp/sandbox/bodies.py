"""What the API accepts: the JSON bodies of its requests, strictly typed."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.sandbox.faults import FaultKind
from webapp.sandbox.values import Order

MIN_EXPIRY: Final = timedelta(seconds=10)
MAX_EXPIRY: Final = timedelta(hours=24)

# A request takes a moment to arrive, and two clocks are never quite the same.
_LEEWAY: Final = timedelta(seconds=5)

_PLAIN = re.compile(r"[!-~]{1,2000}")
_AUTHORITY = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")


class BadBodyError(Exception):
    """The body is not what the API documents; the text says what is wrong, without the values."""


def _web_address(url: str) -> str:
    # It ends up in a header and in the page's security policy: nothing unusual may be in it.
    parts = urlsplit(url) if _PLAIN.fullmatch(url) else None
    if parts and parts.scheme in {"http", "https"} and _AUTHORITY.fullmatch(parts.netloc):
        return url
    raise ValueError("must be a web address")


WebAddress = Annotated[str, AfterValidator(_web_address)]
Line = Annotated[str, Field(max_length=255)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read the raw body of a request.

        Raises:
            BadBodyError: it is no JSON, or not what is documented.
        """
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            problem: dict[str, Any] = dict(error.errors(include_url=False, include_input=False)[0])
            place = ".".join(map(str, problem["loc"]))
            reason = str(problem["msg"]).removeprefix("Value error, ")
            raise BadBodyError(f"{place}: {reason}" if place else reason) from None


class NewCheckout(_Body):
    """A merchant's wish to be paid."""

    reference: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    amount_minor: int
    currency: str
    description: Line
    merchant_name: Line
    return_url: WebAddress
    notice_url: WebAddress
    expires_at: AwareDatetime

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        try:
            Money(self.amount_minor, self.currency).checked_for_a_link()
        except InvalidInputError as error:
            raise ValueError(str(error)) from None
        life = self.expires_at - clock.now()
        if not MIN_EXPIRY - _LEEWAY <= life <= MAX_EXPIRY + _LEEWAY:
            raise ValueError("expires_at: must be between 10 seconds and 24 hours from now")
        return self

    @property
    def order(self) -> Order:
        """The wish in the bank's own words."""
        return Order(
            reference=self.reference,
            money=Money(self.amount_minor, self.currency),
            description=self.description,
            merchant_name=self.merchant_name,
            return_url=self.return_url,
            notice_url=self.notice_url,
            expires_at=self.expires_at,
        )


class NewRefund(_Body):
    """A merchant's wish that money be sent back."""

    key: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    amount_minor: int
    currency: str

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        try:
            Money(self.amount_minor, self.currency)
        except InvalidInputError as error:
            raise ValueError(str(error)) from None
        if self.amount_minor == 0:
            raise ValueError("amount_minor: must be above zero")
        return self

    @property
    def money(self) -> Money:
        """How much, in the bank's own words."""
        return Money(self.amount_minor, self.currency)


class NewFault(_Body):
    """A test's wish that something goes wrong: so many times, for so many seconds."""

    fault: FaultKind
    times: int = Field(default=1, ge=1, le=1000)
    seconds: float = Field(default=15, ge=0, le=3600)
