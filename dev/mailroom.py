"""A mail server that keeps what it is given, so that every message can be counted."""

from collections import Counter
from email import message_from_bytes
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from dev.ports import free_ports


class MailRoom:
    """A server on the loopback while the block lasts."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        (port,) = free_ports(1)
        self.url = f"smtp://127.0.0.1:{port}"
        self._server = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_DATA(  # noqa: N802  # the name that aiosmtpd looks for
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Count a message by its Message-ID."""
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        self.received[message_from_bytes(raw)["Message-ID"].strip("<> ")] += 1
        return "250 kept"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()
