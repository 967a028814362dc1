"""Signs of life for load balancers and monitors."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from webapp.core import clock
from webapp.domain.desk import job_runs

blueprint = Blueprint("health", __name__)

# A scheduler that was silent for so long is not there.
_NOBODY_SCHEDULES_AFTER_S = 60


@blueprint.get("/api/health")
def show_health() -> ResponseReturnValue:
    """Say that this process answers. It asks nobody else: that is `/health/ready`."""
    answer = jsonify({"status": "ok", "timestamp": clock.iso(clock.now())})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/health/ready")
def show_readiness() -> ResponseReturnValue:
    """Say whether the whole works: 503 names what does not."""
    problems = []
    try:
        silence = job_runs.silent_for(job_runs.SCHEDULER)
    except SQLAlchemyError:
        problems.append("database away")
    else:
        if silence is None or silence.total_seconds() > _NOBODY_SCHEDULES_AFTER_S:
            problems.append("nobody schedules")
    body = {
        "status": "not ready" if problems else "ok",
        "problems": problems,
        "timestamp": clock.iso(clock.now()),
    }
    answer = jsonify(body)
    answer.headers["Cache-Control"] = "no-store"
    return answer, 503 if problems else 200
