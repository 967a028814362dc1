"""The tree of refusals: each has a stable code for clients and a sentence for people."""

from http import HTTPStatus


class TillgateError(Exception):
    """Base of every refusal: the request was understood and is not carried out."""

    code = "refused"
    status = HTTPStatus.CONFLICT
    # In how many seconds it may be asked for again, where that is known.
    wait_s: int | None = None


class BusyError(TillgateError):
    """Too much of this is being done at the moment: in a few seconds it can be asked again."""

    code = "busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class NotSignedInError(TillgateError):
    """Nobody is known to be asking: sign in first."""

    code = "not_signed_in"
    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(TillgateError):
    """Whoever asks may not have this."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class TooOftenError(TillgateError):
    """This was asked for moments ago. `wait_s`: in how many seconds it may be again."""

    code = "too_often"
    status = HTTPStatus.TOO_MANY_REQUESTS
    wait_s: int
    what = "asked too often"

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"{self.what}: wait {wait_s} seconds")


class TooManyTriesError(TooOftenError):
    """Somebody has guessed too often. `wait_s`: in how many seconds they may try again."""

    code = "too_many_tries"
    what = "too many tries"


class NotFoundError(TillgateError):
    """There is no such thing, or it is not yours: the two are not told apart."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class InvalidInputError(TillgateError):
    """A value cannot be accepted. `field` names it as the form, the option or the API does."""

    code = "invalid_input"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class InvalidTransitionError(TillgateError):
    """The table of edges has no such step."""

    code = "invalid_transition"


class LinkNotPayableError(TillgateError):
    """The link does not take a payment now: not open, past its end, or just being closed."""

    code = "link_not_payable"


class PaymentInFlightError(TillgateError):
    """A payment was already started for this link and could still be paid."""

    code = "payment_in_flight"


class SessionOverError(TillgateError):
    """The buyer's sitting is over: its time has passed, and it was not paid."""

    code = "session_over"
    status = HTTPStatus.GONE

    def __init__(self) -> None:
        super().__init__("Session not found")


class RetriesExhaustedError(TillgateError):
    """All attempts of the sitting are used. `wait_s`: in how many seconds another may begin."""

    code = "retries_exhausted"
    wait_s: int

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__("Maximum retry attempts exceeded.")


class FormUsedError(TillgateError):
    """A form that has made a link before came again with other content. `made`: that link."""

    code = "form_used"

    def __init__(self, made: str) -> None:
        self.made = made
        super().__init__(f"this form has already made {made}")


class NoRoomError(TillgateError):
    """The event has fewer free places than asked for."""

    code = "no_room"


class NotRepeatableError(TillgateError):
    """The email is on its way still, or was sent often enough."""

    code = "not_repeatable"


class NotRefundableError(TillgateError):
    """This payment cannot be sent back from here now; the sentence says why, and what to do."""

    code = "not_refundable"


class NotEndableError(TillgateError):
    """What waits for a person cannot be ended yet; the sentence says what comes first."""

    code = "not_endable"


class ProviderRefusedError(TillgateError):
    """The payment provider understood our request and refused it for good."""

    code = "provider_refused"
    status = HTTPStatus.BAD_GATEWAY


class ProviderUnreadableError(TillgateError):
    """The payment provider gave no answer that can be understood: nothing was decided by it."""

    code = "provider_unreadable"
    status = HTTPStatus.BAD_GATEWAY


class AccountNotConnectedError(TillgateError):
    """The merchant's account at the provider takes no new payments."""

    code = "account_not_connected"
