"""Where a worker can die, or be held up: around each commit and each call to the outside."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from webapp.extensions import db
from webapp.providers import http
from webapp.providers.base import HttpAnswer, HttpRequest


class Killed(BaseException):
    """The worker is dead, in the middle of what it did."""


class HeldUp:
    """A worker that has the provider's answer, and does nothing with it until it may go on."""

    def __init__(self, app: Flask, work: Callable[[], object]) -> None:
        self._app = app
        self._work = work
        self._is_there = threading.Event()
        self._may_go_on = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> bool:
        """Begin, and return when it is held up, or over; say whether it is held up."""
        self._thread.start()
        self._is_there.wait()
        return self._thread.is_alive() and not self._is_over

    def stop_here(self) -> None:
        """Wait, between the answer and what is done with it."""
        self._is_there.set()
        self._may_go_on.wait()

    def go_on(self) -> None:
        """Let it do the rest, and wait for that."""
        self._may_go_on.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    _is_over = False

    def _run(self) -> None:
        try:
            with self._app.app_context():
                self._work()
        except BaseException as failure:  # noqa: BLE001  # raised again by whoever waits
            self._failure = failure
        finally:
            self._is_over = True
            self._is_there.set()


class Fates:
    """Counts the points that workers reach, and ends one of them at the point that was named."""

    def __init__(self, server: psycopg.Connection) -> None:
        self._server = server
        self._counting = threading.Lock()
        self._points_left: int | None = None
        self._next_to_hold: HeldUp | None = None

    @contextmanager
    def one_dies(self, after_points: int | None) -> Iterator[None]:
        """Let whoever reaches so many points in the block die there; nobody when it is None."""
        self._points_left = after_points
        try:
            yield
        except Killed:
            db.session.remove()
        finally:
            self._points_left = None

    def hold_up(self, worker: HeldUp) -> bool:
        """Hold a worker up at its first answer; say whether it came so far."""
        self._next_to_hold = worker
        is_held_up = worker.start()
        self._next_to_hold = None
        return is_held_up

    def rule(self, patch: pytest.MonkeyPatch) -> None:
        """Be asked at each commit and each call from now on."""
        commit, send = Session.commit, http.send

        def commit_or_die(session: Session) -> None:
            self._reach(session)
            commit(session)
            self._reach(session)

        def send_or_die(request: HttpRequest, *, timeout_s: float) -> HttpAnswer:
            self._reach(None)
            try:
                return send(request, timeout_s=timeout_s)
            finally:
                self._reach(None)
                self._wait_where_asked()

        patch.setattr(Session, "commit", commit_or_die)
        patch.setattr(http, "send", send_or_die)

    def _reach(self, session: Session | None) -> None:
        with self._counting:
            if self._points_left is None:
                return
            self._points_left -= 1
            if self._points_left >= 0:
                return
            self._points_left = None
        if session is not None:
            self._cut_off(session)
        raise Killed

    def _cut_off(self, session: Session) -> None:
        """End the connection as a dead process does, and wait until PostgreSQL has noticed."""
        connection = session.connection()
        driver: Any = connection.connection.driver_connection
        pid = driver.info.backend_pid
        connection.invalidate()
        self._server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    def _wait_where_asked(self) -> None:
        with self._counting:
            worker, self._next_to_hold = self._next_to_hold, None
        if worker is not None:
            worker.stop_here()
