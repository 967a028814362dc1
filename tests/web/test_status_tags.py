"""For any row whatever: the lane says what the view says, and one tag names one fragment."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as pace
from hypothesis import strategies as st
from sqlalchemy import func

from tests.conftest import Configure
from tests.factories import Factories
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.payments.status import AttemptStatus, LinkStatus
from webapp.extensions import settings
from webapp.models import PaymentAttempt
from webapp.web.pages import PageName, right_page
from webapp.web.panels import StatusPanel
from webapp.web.status import tag
from webapp.web.status_lane import StatusLane

# Seconds, on either side of every border and far enough from it for a slow machine.
PAST_S = st.sampled_from((0, 8, 22, 60, 150, 250, 2000))
LEFT_S = st.sampled_from((-60, 60, 5000))
# Most has to do with links that are being paid.
LINK = st.sampled_from([LinkState.OPEN] * 15 + [one for one in LinkState if one != "DRAFT"])
ATTEMPT = st.sampled_from(
    [AttemptState.CREATED] * 4 + [AttemptState.PENDING] * 4 + list(AttemptState)
)
MAYBE = st.booleans()
CLOSING = st.sampled_from((None, None, "expiry", "cancel", "retry"))
WHY = st.sampled_from((None, "timeout", "network", "refused", "declined"))
NUMBER = st.integers(1, 4)

ROW = st.fixed_dictionaries(
    {
        "state": LINK,
        "closing_for": CLOSING,
        "left_s": LEFT_S,
        "closing_s": PAST_S,
        "version": st.integers(1, 3),
        "attempt": ATTEMPT,
        "is_current": st.sampled_from((True, True, True, False)),
        "number": NUMBER,
        "began_s": PAST_S,
        "returned_s": st.one_of(st.none(), PAST_S),
        "has_url": MAYBE,
        "was_declined": MAYBE,
        "is_watched": MAYBE,
        "session": st.sampled_from(SessionState),
        "interruption": WHY,
        "session_left_s": LEFT_S,
    }
)


def ago(seconds: float | None) -> Any:
    """Return a moment by PostgreSQL's clock; None stays None."""
    return None if seconds is None else func.now() - timedelta(seconds=seconds)


def write(make: Factories, attempt: PaymentAttempt, row: dict[str, Any]) -> None:
    """Write this into the rows of an attempt, its sitting and its link, past all rules."""
    is_closed = row["closing_for"] is None
    make.change(
        attempt.link,
        state=row["state"],
        version=row["version"],
        expires_at=ago(-row["left_s"]),
        ended_at=ago(1),
        paid_at=ago(1),
        closing_for=row["closing_for"],
        closing_since=None if is_closed else ago(row["closing_s"]),
        closing_due_at=None if is_closed else ago(-600),
    )
    make.change(
        attempt.session,
        state=row["session"],
        interruption=row["interruption"],
        expires_at=ago(-row["session_left_s"]),
    )
    make.change(
        attempt,
        state=row["attempt"],
        is_current=row["is_current"],
        number=row["number"],
        created_at=ago(row["began_s"]),
        returned_at=ago(row["returned_s"]),
        checkout_url="https://bank.example/checkout" if row["has_url"] else None,
        declined_at=ago(1) if row["was_declined"] else None,
        watch_until=ago(-600 if row["is_watched"] else 600),
    )


def test_the_lane_says_nothing_new_exactly_where_the_view_does_and_in_the_same_words(
    app: Flask, make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = cast(StatusLane, app.extensions["tillgate.status_lane"])
    monkeypatch.setattr("webapp.jobs.check", lambda _: None)
    monkeypatch.setattr(lane._wishes, "wish", lambda _: None)
    attempt = make.pending()
    code = attempt.link.code

    def of_view(page: PageName, known: str) -> Any:
        path = f"/pay/{code}/status?on={page}"
        with app.test_request_context(path, headers={"If-None-Match": known}):
            return app.full_dispatch_request()

    def of_lane(page: PageName, known: str) -> dict[str, str] | None:
        environ = {
            "HTTP_IF_NONE_MATCH": known,
            "QUERY_STRING": f"on={page}",
            "REQUEST_METHOD": "GET",
        }
        said = lane._nothing_new(environ, code, app.extensions["tillgate.settings"])
        return None if said is None else {name.title(): value for name, value in said}

    @pace(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(before=ROW, after=ROW)
    def holds(before: dict[str, Any], after: dict[str, Any]) -> None:
        write(make, attempt, before)
        known = {page: of_view(page, '"nothing"').headers["ETag"] for page in PageName}
        for row in (before, after):
            write(make, attempt, row)
            for page in PageName:
                view, said = of_view(page, known[page]), of_lane(page, known[page])
                if said is None:
                    is_left_to_the_view = row["state"] is LinkState.PAID
                    assert view.status_code == 200 or is_left_to_the_view
                else:
                    assert view.status_code == 304
                    assert said == {
                        name.title(): value
                        for name, value in view.headers.items()
                        if name != "Content-Type"
                    }

    holds()


# What changes of a row is in the version of its link, but for what comes with time and with the
# buyer's way to the bank and back.
VERSIONED = st.fixed_dictionaries(
    {
        "state": LINK,
        "closing_for": CLOSING,
        "is_unverified": MAYBE,
        "was_dismissed": MAYBE,
    }
)
VERSIONED_ATTEMPT = st.fixed_dictionaries(
    {
        "state": ATTEMPT,
        "number": NUMBER,
        "session_state": st.sampled_from(SessionState),
        "interruption": WHY,
        "was_declined": MAYBE,
    }
)
SECONDS = st.sampled_from((0.0, 0.3, 9.9, 10.0, 29.9, 30.0, 44.9, 45.0, 119.9, 120.0, 9000.0))
UNVERSIONED = st.fixed_dictionaries(
    {
        "is_session_over": MAYBE,
        "has_url": MAYBE,
        "has_returned": MAYBE,
        "may_still_be_paid": MAYBE,
        "waiting_s": SECONDS,
        "left_s": st.sampled_from((-1.0, 0.0, 0.1, 9000.0)),
        "closing_s": SECONDS,
    }
)


def seen(link: dict[str, Any], attempt: dict[str, Any], rest: dict[str, Any]) -> LinkStatus:
    """Return what the pages read of such a row."""
    rest = dict(rest)
    left_s, closing_s = rest.pop("left_s"), rest.pop("closing_s")
    found = AttemptStatus(reference="att-one", **attempt, **rest)
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    return LinkStatus(
        1,
        "ABCDEFGH",
        7,
        expires_at=moment,
        left_s=left_s,
        closing_s=closing_s,
        ended_s=0,
        attempt=found,
        **link,
    )


@pytest.mark.parametrize("start_timeout_s", [10, 30, 45])
def test_one_tag_names_one_fragment(
    app: Flask, configure: Configure, start_timeout_s: float
) -> None:
    configure(start_timeout_s=start_timeout_s)

    @pace(max_examples=400, deadline=None)
    @given(VERSIONED, VERSIONED_ATTEMPT, st.lists(UNVERSIONED, min_size=2, max_size=8))
    def holds(link: dict[str, Any], attempt: dict[str, Any], moments: list[dict[str, Any]]) -> None:
        said: dict[str, StatusPanel] = {}
        for moment in moments:
            status = seen(link, attempt, moment)
            for page in PageName:
                if right_page(status, page) is page:
                    panel = StatusPanel.of(status, None, page)
                    assert said.setdefault(tag(status, page, settings), panel) == panel

    with app.test_request_context():
        holds()
