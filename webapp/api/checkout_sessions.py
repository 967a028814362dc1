"""The monitor of checkout sessions at a billing service, started by hand."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from webapp import jobs
from webapp.api import access
from webapp.core import clock
from webapp.domain.payments import check_leases
from webapp.extensions import csrf

blueprint = Blueprint("checkout_sessions", __name__)


@blueprint.post("/api/test/checkout-sessions")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF ships no types
def check_sessions() -> ResponseReturnValue:
    """Have every open session checked now, whatever its clock says; a worker does it."""
    access.check_schedule()
    count = check_leases.pull_all_forward("billing")
    jobs.kick(jobs.JobName.VERIFICATION)
    answer = jsonify(
        {
            "message": f"Checkout session check triggered: {count} open",
            "timestamp": clock.iso(clock.now()),
        }
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
