"""A lane in front of Flask for the one answer that is nearly all the traffic: "nothing new".

It says that, or nothing: whatever is not a plain 304 goes on to Flask as it came. It reads with the
view's own query and answers by the view's own rules, and sees no session and no cookie.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask

from webapp import client
from webapp.config import Settings
from webapp.core import references
from webapp.core.gathering import UnansweredError
from webapp.core.states import LinkState
from webapp.domain.payments.status import LinkStatus
from webapp.domain.payments.status_reads import StatusReads
from webapp.domain.payments.timelines import Timeline
from webapp.extensions import settings_of
from webapp.web import headers
from webapp.web.check_wishes import CheckWishes
from webapp.web.pages import PageName, right_page
from webapp.web.poll_counts import PollCounts
from webapp.web.status import READ, STEPS, STRETCH, WAIT, poll_headers, tag
from webapp.web.strain import Strain

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NAME: Final = "tillgate.status_lane"
_PATH: Final = re.compile(r"/pay/([^/]{1,64})/status")
_PAGES: Final = {f"on={page}": page for page in PageName}


class StatusLane:
    """Answers polls that there is no news for, and counts them all."""

    def __init__(self, app: Flask, values: Settings) -> None:
        self._app = app
        self._next: WSGIApplication = app.wsgi_app
        self.reads = StatusReads(values.database_url)
        self.counts = PollCounts()
        self.strain = Strain()
        self._wishes = CheckWishes(app)

    def serve(self) -> None:
        """Stand in front of the app."""
        self._app.wsgi_app = self  # type: ignore[method-assign]  # Flask's own way of wrapping
        self._app.extensions[_NAME] = self

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a poll that there is no news for, or hand the request on."""
        path: str = environ.get("PATH_INFO", "")
        found = _PATH.fullmatch(path) if path.startswith("/pay/") else None
        if found is not None and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            values = settings_of(self._app)
            environ[STRETCH] = self.strain.stretch(values.poll_ease_per_s)
            code = references.clean_link_code(found[1]) or ""
            wait_s = self._count(environ, code, values)
            if wait_s:
                environ[WAIT] = wait_s
            elif said := self._nothing_new(environ, code, values):
                start_response("304 NOT MODIFIED", said)
                return ()
        return self._next(environ, start_response)

    def _count(self, environ: "WSGIEnvironment", code: str, values: Settings) -> int:
        address = client.address_in(environ, is_behind_proxy=values.is_https)
        limits = {f"from {client.network_of(address)}": values.limit_polls_per_address}
        if code:
            limits[code] = values.limit_polls
        return self.counts.hit(limits)

    def _nothing_new(
        self, environ: "WSGIEnvironment", code: str, values: Settings
    ) -> list[tuple[str, str]] | None:
        """Return the headers of a 304; None where that is not what there is to say."""
        known = environ.get("HTTP_IF_NONE_MATCH")
        asking = _PAGES.get(environ.get("QUERY_STRING", ""))
        if not code or not known or asking is None or environ["REQUEST_METHOD"] != "GET":
            return None
        try:
            status = self.reads.get(code)
        except UnansweredError:
            return None
        if status is None:
            return None
        # Flask need not ask for the same a second time.
        environ[READ] = status
        self._ask_for_check(status)
        # What becomes of a paid link's promises is another question, and soon over.
        if status.state is LinkState.PAID or right_page(status, asking) is not asking:
            return None
        name = f'"{tag(status, asking, values)}"'
        if known.removeprefix("W/") != name:
            environ[STEPS] = self._reads_timeline(status)
            return None
        after = poll_headers(status, None, values, stretch=environ.get(STRETCH, 1.0))
        return [*after.items(), ("ETag", name), *headers.of(values)]

    def _reads_timeline(self, status: LinkStatus) -> Timeline | None:
        try:
            return self.reads.timeline(status.link_id)
        except UnansweredError:
            return None

    def _ask_for_check(self, status: LinkStatus) -> None:
        if status.is_in_flight and status.attempt is not None:
            self._wishes.wish(status.attempt.reference)
