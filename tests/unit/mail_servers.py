"""Mail servers on loopback: real ones with one fault each, and ones that hardly speak."""

import asyncio
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from queue import Queue
from socket import create_server
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "us@er"
PASSWORD = "p/s:s"


class Fault(Enum):
    """What a server does instead of answering."""

    DROP = "hangs up"
    SILENCE = "says nothing"


Script = Mapping[str, str | Fault]


class MailServer:
    """What a server did: where it listens, what it was asked, which messages it took."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.asked: list[str] = []
        self.taken: list[Envelope] = []
        self.sessions: list[Session] = []

    async def answer(self, stage: str, smtp: SMTP, usual: str) -> str:
        """Answer as the script says: with its line, as usual, or not at all."""
        self.asked.append(stage)
        scripted = self.script.get(stage, usual)
        if isinstance(scripted, str):
            return scripted
        if scripted is Fault.DROP:
            assert isinstance(smtp.transport, asyncio.WriteTransport)
            smtp.transport.abort()
        # aiosmtpd cancels this when the connection ends.
        await asyncio.Event().wait()
        raise AssertionError

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.sessions.append(session)
        envelope.mail_from = address
        return await self.answer("MAIL", smtp, "250 OK")

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, smtp: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self.answer("RCPT", smtp, "250 OK")

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, smtp: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.taken.append(envelope)
        return await self.answer("MESSAGE", smtp, "250 2.0.0 queued")

    async def handle_QUIT(  # noqa: N802  # aiosmtpd's name
        self, smtp: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return await self.answer("QUIT", smtp, "221 Bye")


class _Smtp(SMTP):
    """The protocol, with faults where aiosmtpd has no hook."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  # aiosmtpd's name
        server: MailServer = self.event_handler
        scripted = await server.answer("DATA", self, "")
        if scripted:
            await self.push(scripted)
        elif server.script.get("CONTENT"):
            await self.push("354 go on")
            await self._reader.readline()
            await server.answer("CONTENT", self, "")
        else:
            await super().smtp_DATA(arg)


@contextmanager
def serving(
    script: Script | None = None,
    *,
    implicit_tls: ssl.SSLContext | None = None,
    **options: Any,
) -> Iterator[MailServer]:
    """Run a mail server in a thread of its own."""
    mail_server = MailServer(script or {})
    loops: Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        connections: list[_Smtp] = []

        def connect() -> _Smtp:
            connections.append(_Smtp(mail_server, hostname="mail.test", loop=loop, **options))
            return connections[-1]

        listener = await loop.create_server(connect, "127.0.0.1", 0, ssl=implicit_tls)
        mail_server.port = listener.sockets[0].getsockname()[1]
        loops.put((loop, stop))
        await stop.wait()
        listener.close()
        for connection in connections:
            if isinstance(connection.transport, asyncio.WriteTransport):
                # An encrypted transport that was closed twice cannot be aborted (Python 3.11.2).
                with suppress(AttributeError):
                    connection.transport.abort()
        await listener.wait_closed()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, stop = loops.get(timeout=10)
    try:
        yield mail_server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def sign_in(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
) -> AuthResult:
    """Let our one user in."""
    success = given == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=success, handled=False)


@contextmanager
def answering_nobody() -> Iterator[int]:
    """Listen on a port, and never take a connection off the queue."""
    with create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def dripping(every_s: float) -> Iterator[int]:
    """Greet for ever, one letter at a time."""
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            while not stop.wait(every_s):
                try:
                    connection.send(b"2")
                except OSError:
                    return

    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join(10)
