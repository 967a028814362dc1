"""The real site behind a line that can be made to misbehave."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tests.browser.line import Answer, Line


class SiteLine(Line):
    """Carries every request to the site, but answers a poll itself where a test has queued how."""

    def __init__(self, site: WSGIApplication, code: str) -> None:
        super().__init__()
        self.url = ""
        self.statuses: list[int] = []
        self._site = site
        self._code = code

    def address(self, name: str) -> str:
        """Return where the link's page of this name is."""
        return f"{self.url}/pay/{self._code}" + ("" if name == "pay" else f"/{name}")

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != f"/pay/{self._code}/status":
            return self._site(environ, start)
        headers = {
            name.removeprefix("HTTP_"): text
            for name, text in environ.items()
            if name.startswith("HTTP_")
        }
        answer = self.receive(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}", headers)
        self.hold(answer)
        return self._ask_the_site(environ, start) if answer is None else _play(answer, start)

    def _ask_the_site(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def note(status: str, *rest: object) -> object:
            self.statuses.append(int(status.split(maxsplit=1)[0]))
            return start(status, *rest)  # type: ignore[arg-type]

        return self._site(environ, note)  # type: ignore[arg-type]


def _play(answer: Answer, start: StartResponse) -> Iterable[bytes]:
    if answer.is_cut:
        raise ConnectionError
    headers = {"Content-Type": "text/html", "Cache-Control": "no-store", **answer.headers}
    told = [(name, text) for name, text in headers.items() if text is not None]
    start(f"{answer.status} As the test wants it", told)
    return [answer.body.encode()]
