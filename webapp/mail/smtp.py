"""Hands messages to a mail server, with one deadline for the whole conversation."""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webapp.mail.errors import (
    MailDoubtfulError,
    MailError,
    MailPostponedError,
    MailRefusedError,
    MailUnavailableError,
    MailUnclearError,
    MailUndeliveredError,
)
from webapp.mail.headers import wire_recipient, wire_sender

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# A host may have several addresses, and each of them may be silent.
_CONNECT_TIMEOUT_S = 5.0
_FAREWELL_S = 1.0

_ENHANCED_CODE = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")
# "Sign in first", and "your limit of today is reached": permanent, and no word about the message.
_NONE_FROM_US = {530}
_NONE_FROM_US_ENHANCED = {"5.4.5"}
# "I am closing down", and "not now" to whoever signed in.
_TROUBLES_OF_THE_SERVER = {421, 454}
# The middle number: the address, the mailbox, the content, or a policy, which greylisting is.
_SUBJECTS_OF_A_MESSAGE = {"1", "2", "6", "7"}
_LINE_WITH_A_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class SmtpTransport:
    """A mail server, and how we may talk to it."""

    host: str
    port: int
    is_tls_from_the_start: bool = False
    is_starttls_required: bool = False
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @contextmanager
    def open(self, timeout_s: float) -> Iterator["SmtpHandover"]:
        """Connect, encrypt and sign in; say goodbye at the end. See `transports.Transport`."""
        conversation = self._begin(time.monotonic() + timeout_s)
        try:
            yield SmtpHandover(conversation)
        finally:
            conversation.end()

    def _begin(self, deadline: float) -> "_Conversation":
        with _if_it_fails(MailUnavailableError, "no connection to the mail server"):
            conversation = _Conversation(self, deadline)
        try:
            with _if_it_fails(MailUnavailableError, "the mail server did not greet us"):
                conversation.ehlo_or_helo_if_needed()
            if not self.is_tls_from_the_start and (
                self.is_starttls_required or conversation.has_extn("starttls")
            ):
                with _if_it_fails(MailUnavailableError, "the connection could not be encrypted"):
                    conversation.starttls(context=ssl.create_default_context())
                    conversation.ehlo_or_helo_if_needed()
            if self.user:
                with _if_it_fails(MailUnavailableError, "the mail server did not let us sign in"):
                    conversation.login(self.user, self.password)
        except MailError:
            conversation.close()
            raise
        return conversation


class SmtpHandover:
    """One message on its way to a mail server. See `transports.Handover`."""

    def __init__(self, conversation: "_Conversation") -> None:
        self._conversation = conversation

    def offer(self, sender: str, to: str) -> None:
        """Have sender and recipient accepted."""
        with _if_it_fails(MailUnavailableError, "the mail server went away before the message"):
            # The sender is ours: an operator mends it, and the message can wait for that.
            code, text = self._conversation.mail(wire_sender(sender))
        if not _is_yes(code):
            raise MailUnavailableError(f"the sender was refused: {_numbers(code, text)}")
        recipient = wire_recipient(to)
        with _if_it_fails(MailUnclearError, "the mail server went away at the recipient"):
            code, text = self._conversation.rcpt(recipient)
        if not _is_yes(code):
            raise _refusal("the recipient was refused", code, text)

    def deliver(self, message: bytes) -> None:
        """Hand over the message. The line with the dot is what a server accepts it by."""
        with _if_it_fails(MailUnclearError, "the mail server went away before the message"):
            code, text = self._conversation.docmd("DATA")
        if code != 354:
            raise _refusal("the message was not asked for", code, text)
        stuffed = _LINE_WITH_A_LEADING_DOT.sub(b"..", message)
        end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        with _if_it_fails(MailUnclearError, "the mail server went away amid the message"):
            self._conversation.send(stuffed + end)
        try:
            code, text = self._conversation.getreply()
        except OSError:
            raise MailDoubtfulError("the mail server took the message and said nothing") from None
        if not _is_yes(code):
            if not 400 <= code < 600:
                raise MailDoubtfulError("the mail server took the message and made no sense")
            raise _refusal("the message was refused", code, text)


class _Conversation(smtplib.SMTP):
    """The standard client, in which every wait ends at one deadline."""

    def __init__(self, server: SmtpTransport, deadline: float) -> None:
        self._server = server
        self._deadline = deadline
        # A name is given only to keep the client from asking the DNS for one.
        super().__init__(server.host, server.port, "localhost", self._left())
        self.local_hostname = self._own_name()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the conversation took too long")
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), min(timeout, _CONNECT_TIMEOUT_S))
        try:
            sock.settimeout(self._left())
            if self._server.is_tls_from_the_start:
                return ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise
        return sock

    def _own_name(self) -> str:
        """Return our host's whole name, or the address that we speak from."""
        hostname = socket.gethostname()
        if "." in hostname or self.sock is None:
            return hostname
        address = self.sock.getsockname()[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def send(self, s: "ReadableBuffer | str") -> None:
        if self.sock is not None:
            self.sock.settimeout(self._left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self._left)
        return super().getreply()

    def end(self) -> None:
        """Say goodbye, if anybody still listens, and hang up."""
        with suppress(OSError):
            self._deadline = min(self._deadline, time.monotonic() + _FAREWELL_S)
            self.docmd("QUIT")
        self.close()


class _Lines:
    """Reads a server's lines until the deadline, however slowly they drip in."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left
        self._received = b""

    def readline(self, longest: int) -> bytes:
        """Return the next line with its end, or what came of it before the end of everything."""
        while b"\n" not in self._received and len(self._received) < longest:
            self._sock.settimeout(self._left())
            chunk = self._sock.recv(4096)
            if not chunk:
                break
            self._received += chunk
        found = self._received.find(b"\n") + 1 or len(self._received)
        end = min(found, longest)
        line, self._received = self._received[:end], self._received[end:]
        return line

    def close(self) -> None:
        """Hold nothing: the socket belongs to the conversation."""


@contextmanager
def _if_it_fails(kind: type[MailUndeliveredError], what: str) -> Iterator[None]:
    """Turn whatever the standard client raises into one error. Its own words stay unsaid."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        numbers = _numbers(error.smtp_code, error.smtp_error)
        raise kind(f"{what}: {numbers}") from None
    except (OSError, ValueError) as error:
        # A password or host that cannot be encoded is a ValueError.
        raise kind(f"{what} ({type(error).__name__})") from None


def _is_yes(code: int) -> bool:
    return 200 <= code < 300


def _refusal(what: str, code: int, text: bytes) -> MailError:
    numbers = _numbers(code, text)
    return _kind_of(code, numbers.partition(" ")[2])(f"{what}: {numbers}")


def _kind_of(code: int, enhanced: str) -> type[MailError]:
    """Say whose doing a refusal is, by its two numbers; the second one may be missing."""
    if code in _NONE_FROM_US or enhanced in _NONE_FROM_US_ENHANCED:
        return MailUnavailableError
    if 500 <= code < 600:
        return MailRefusedError
    if code in _TROUBLES_OF_THE_SERVER:
        return MailUnclearError
    is_this_messages = enhanced[2:3] in _SUBJECTS_OF_A_MESSAGE if enhanced else code == 450
    return MailPostponedError if is_this_messages else MailUnclearError


def _numbers(code: int, text: bytes | str) -> str:
    """Return a reply's numbers. Its words may quote addresses and are left out."""
    words = text if isinstance(text, bytes) else text.encode()
    enhanced = _ENHANCED_CODE.match(words)
    return f"{code} {enhanced[0].decode()}" if enhanced else str(code)
