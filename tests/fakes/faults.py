"""What every fake provider has: faults that wait for a call, and levers for other processes."""

import json
import threading
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from tests.fakes.courier import MANNERS, Courier


class Way(StrEnum):
    """What goes wrong with one call."""

    LATE = "late"  # it is done, and answered only after so many seconds
    CUT = "cut"  # it is done, and after so many seconds the connection is cut
    LOST = "lost"  # it is not done, and the connection is cut
    REFUSED = "refused"  # it is not done, and the provider says so
    CRASHED = "crashed"  # it is done, and answered with 500
    UNAVAILABLE = "unavailable"  # 503, with so many seconds in Retry-After
    BUSY = "busy"  # 429, with so many seconds in Retry-After
    MALFORMED = "malformed"  # it is done, and half of the answer is missing
    SLOW = "slow"  # it is done, and the answer comes in drops over so many seconds


@dataclass(frozen=True)
class Fault:
    """One way, once."""

    way: Way
    seconds: float


@dataclass(frozen=True)
class Taken:
    """Money that the provider took: its reference, how much in minor units, and the currency."""

    reference: str
    minor: int
    currency: str


@dataclass(frozen=True)
class Book:
    """One checkout in the provider's own books, with all money that it took."""

    checkout_id: str
    reference: str
    status: str | None
    page: str
    taken: tuple[Taken, ...]


class Fake(ABC):
    """A provider that speaks over WSGI and can be told to misbehave.

    A subclass names its calls in `ROUTES`: the path and method of each, and the function that
    answers it, by which `misbehave` names it too. It also brings its dialect's `error`, and in
    `ACTS` the methods that another process may call for one checkout.
    """

    ROUTES: ClassVar[Mapping[str, tuple[str, str]]]
    ACTS: ClassVar[frozenset[str]]

    def __init__(self) -> None:
        self.url = "http://unserved.test"
        self.lock = threading.RLock()
        self.courier = Courier()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._is_over = threading.Event()
        routes = {**self.ROUTES, **_LEVERS}
        self._map = Map(
            [Rule(path, methods=[method], endpoint=call) for call, (method, path) in routes.items()]
        )

    def misbehave(self, call: str, way: str, *, times: int = 1, seconds: float = 0) -> None:
        """Let the next calls of this name go wrong."""
        assert call in self.ROUTES, call
        self._faults[call].extend([Fault(Way(way), seconds)] * times)

    def close(self) -> None:
        """Let every call and every notice that is being held end now."""
        self._is_over.set()
        self.courier.close()

    @abstractmethod
    def error(self, status: int) -> Response:
        """Write an error as this provider does."""

    @abstractmethod
    def books(self) -> list[Book]:
        """Return every checkout there is, the oldest first."""

    def control(self, _request: Request) -> Response:
        """Show the books, and which levers there are."""
        told = {
            "checkouts": [asdict(book) for book in self.books()],
            "acts": sorted(self.ACTS),
            "calls": sorted(set(self.ROUTES) - {"page", "press", "control_webhook"}),
            "ways": list(Way),
            "manners": sorted(MANNERS),
        }
        return Response(json.dumps(told, indent=2) + "\n", mimetype="application/json")

    def control_notices(self, request: Request) -> Response:
        """`{"manner": "drop", "times": 1, "seconds": 0}`, see `Courier.next`."""
        wish = json_of(request)
        self.courier.next(wish.pop("manner"), **wish)
        return Response(status=201)

    def control_checkout(self, request: Request, checkout_id: str, act: str) -> Response:
        """Do what a buyer, the provider or a test does, with its arguments as JSON."""
        known = {book.checkout_id for book in self.books()}
        if act not in self.ACTS or checkout_id not in known:
            return Response(status=404)
        getattr(self, act)(checkout_id, **json_of(request))
        return Response(status=201)

    def control_faults(self, request: Request) -> Response:
        """`{"call": "create", "way": "late", "times": 1, "seconds": 3}`."""
        wish = request.get_json()
        self.misbehave(
            wish["call"], wish["way"], times=wish.get("times", 1), seconds=wish.get("seconds", 0)
        )
        return Response(status=201)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request, well or badly."""
        request = Request(environ)
        try:
            call, values = self._map.bind_to_environ(environ).match()
        except HTTPException as error:
            return self.error(error.code or 404)(environ, start)
        act: Callable[..., Response] = getattr(self, call)

        def do() -> Response:
            with self.lock:
                return act(request, **values)

        faults = self._faults[call]
        response = self._badly(faults.popleft(), do) if faults else do()
        return response(environ, start)

    def _badly(self, fault: Fault, do: Callable[[], Response]) -> Response:
        match fault.way:
            case Way.LOST:
                raise ConnectionAbortedError
            case Way.REFUSED:
                return self.error(400)
            case Way.UNAVAILABLE | Way.BUSY:
                response = self.error(503 if fault.way is Way.UNAVAILABLE else 429)
                response.headers["Retry-After"] = str(int(fault.seconds))
                return response
        response = do()
        match fault.way:
            case Way.LATE:
                self._is_over.wait(fault.seconds)
            case Way.CUT:
                self._is_over.wait(fault.seconds)
                raise ConnectionAbortedError
            case Way.CRASHED:
                return self.error(500)
            case Way.MALFORMED:
                response.set_data(response.get_data()[:-5])
            case Way.SLOW:
                body = response.get_data()
                response.response = self._drops(body, fault.seconds / max(len(body), 1))
                response.content_length = len(body)
        return response

    def _drops(self, body: bytes, every_s: float) -> Iterator[bytes]:
        for drop in body:
            if self._is_over.wait(every_s):
                return
            yield bytes([drop])


_LEVERS: Mapping[str, tuple[str, str]] = {
    "control": ("GET", "/_control"),
    "control_faults": ("POST", "/_control/faults"),
    "control_notices": ("POST", "/_control/notices"),
    "control_checkout": ("POST", "/_control/checkouts/<checkout_id>/<act>"),
}


def json_of(request: Request) -> Any:
    """Return what a control was told, or an empty document."""
    return request.get_json(silent=True) or {}
