"""A buyer's sitting at a payment link, for programs: begun, looked at, gone on with, left."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flask import Blueprint, Response, jsonify, url_for
from flask.typing import ResponseReturnValue

from webapp import client, sitting_cookie
from webapp.api import access, bodies
from webapp.core import clock
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.core.public_status import SESSION_STATUS
from webapp.core.states import SESSION_OPEN, SessionState
from webapp.domain.payments import links, sittings
from webapp.domain.payments.sittings import AttemptLine, Holder, Sitting
from webapp.extensions import csrf, settings

blueprint = Blueprint("payment_sessions", __name__)

_REFERENCE: Final = re.compile(r"ses-[a-z0-9]{1,60}")

# So often a program may ask while something can still happen.
_POLL_AFTER_S: Final = 2


class Begin(bodies.Body):
    """For which link, and where the tickets go."""

    order_id: bodies.Name
    buyer_email: bodies.Line | None = None


class Resume(bodies.Body):
    """Where the tickets go, if nobody has said it before."""

    buyer_email: bodies.Line | None = None


class Nothing(bodies.Body):
    """Nothing to say."""


@blueprint.post("/api/payments/session/create")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF ships no types
def create() -> ResponseReturnValue:
    """Begin a sitting: nothing is paid by it, and the buyer's browser is known again."""
    caller = access.with_key()
    if caller is None:
        access.refuse_other_sites()
    said = bodies.read(Begin)
    if caller is not None:
        links.get(caller.merchant, said.order_id)  # what is not theirs is not there
    with _named_as_sent():
        sitting, token = sittings.begin(
            said.order_id, token=sitting_cookie.token(), buyer_email=said.buyer_email
        )
    answer = _answer(sitting)
    answer.status_code = 201
    here = url_for("payment_sessions.show", reference=sitting.reference)
    answer.headers["Location"] = f"{settings.base_url}{here}"
    sitting_cookie.keep_at_link(answer, sitting.code, token)
    sitting_cookie.keep(answer, token, path=here)
    return answer


@blueprint.get("/api/payments/session/<reference>")
def show(reference: str) -> ResponseReturnValue:
    """Say how a sitting stands. It changes no row."""
    return _answer(sittings.get(*_asked(reference)))


@blueprint.post("/api/payments/session/<reference>/resume")
@csrf.exempt  # type: ignore[untyped-decorator]
def resume(reference: str) -> ResponseReturnValue:
    """Go on paying: where, says the header `Link`; 202 while a worker is still busy with it."""
    asked = _asked(reference)
    said = bodies.read(Resume, may_be_empty=True)
    with _named_as_sent():
        resumed = sittings.resume(
            *asked, buyer_email=said.buyer_email, client=_buyers_address(asked[1])
        )
    answer = _answer(resumed.sitting)
    if resumed.url is not None:
        onward = f"{links.pay_url(resumed.sitting.code)}/continue"
        answer.headers["Link"] = f'<{onward}>; rel="payment"'
    elif not resumed.was_refused:
        answer.status_code = 202
    return answer


@blueprint.post("/api/payments/session/<reference>/complete")
@csrf.exempt  # type: ignore[untyped-decorator]
def complete(reference: str) -> ResponseReturnValue:
    """Have the provider asked whether it was paid; 202 while nobody can know."""
    asked = _asked(reference)
    bodies.read(Nothing, may_be_empty=True)
    sitting = sittings.complete(*asked)
    answer = _answer(sitting)
    answer.status_code = 202 if sitting.state is SessionState.PROCESSING else 200
    return answer


@blueprint.post("/api/payments/session/<reference>/cancel")
@csrf.exempt  # type: ignore[untyped-decorator]
def cancel(reference: str) -> ResponseReturnValue:
    """End a sitting; its link stays as it is, and can be paid in another one."""
    asked = _asked(reference)
    bodies.read(Nothing, may_be_empty=True)
    return _answer(sittings.cancel(*asked))


@blueprint.get("/api/payments/session/<reference>/summary")
def show_summary(reference: str) -> ResponseReturnValue:
    """Say for support what happened in a sitting."""
    merchant = access.caller().merchant
    sitting, attempts = sittings.summary(_clean(reference), merchant)
    summary = {
        "reference": links.get(merchant, sitting.code).reference,
        "attempts": [_line(attempt) for attempt in attempts],
    }
    return _kept_by_nobody(jsonify({"data": _written(sitting), "summary": summary}))


@blueprint.get("/api/payments/sessions/active")
def show_active() -> ResponseReturnValue:
    """List the sittings of the merchant's buyers that are not over."""
    found = sittings.active(access.caller().merchant)
    return _kept_by_nobody(jsonify({"data": [_written(sitting) for sitting in found]}))


def _asked(reference: str) -> tuple[str, Holder]:
    """Return for which sitting somebody asks, and who it is."""
    caller = access.with_key()
    if caller is None:
        access.refuse_other_sites()
        caller = access.with_session()
    token = sitting_cookie.token()
    holder = Holder(token, caller.merchant, caller.actor) if caller else Holder(token)
    return _clean(reference), holder


def _buyers_address(holder: Holder) -> str:
    """Return where the buyer's browser is: a merchant's program says nothing about that."""
    return client.address() if holder.merchant is None else ""


def _clean(reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise NotFoundError("there is no such session")
    return reference


@contextmanager
def _named_as_sent() -> Iterator[None]:
    """Name a wrong address as programs do."""
    try:
        yield
    except InvalidInputError as error:
        is_address = error.field in {"email", "buyer_email"}
        raise InvalidInputError(
            "buyerEmail" if is_address else error.field, error.reason
        ) from error


def _answer(sitting: Sitting) -> Response:
    answer = _kept_by_nobody(jsonify({"data": _written(sitting)}))
    answer.headers["X-Poll-After"] = str(_POLL_AFTER_S) if sitting.state in SESSION_OPEN else "stop"
    return answer


def _kept_by_nobody(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _written(sitting: Sitting) -> dict[str, object]:
    return {
        "sessionId": sitting.reference,
        "status": SESSION_STATUS[sitting.state],
        "attemptCount": sitting.attempt_count,
        "maxAttempts": sitting.max_attempts,
        "expiresAt": clock.iso(sitting.expires_at),
        "canResume": sitting.can_resume,
        "message": sitting.message,
    }


def _line(attempt: AttemptLine) -> dict[str, object]:
    return {
        "reference": attempt.reference,
        "number": attempt.number,
        "status": attempt.state.value,
        "startedAt": clock.iso(attempt.began),
        "reason": attempt.reason,
    }
