"""Where messages go: to a mail server, or into a folder."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from webapp.mail.folder import FolderTransport
from webapp.mail.smtp import SmtpTransport

_PORTS = {"smtp": 25, "smtps": 465}
_WHAT_IT_LOOKS_LIKE = "a mail address is smtp://…, smtps://… or file:///…"


class Handover(Protocol):
    """One message on its way, in two steps, so that a row can be committed between them."""

    def offer(self, sender: str, to: str) -> None:
        """Have the addresses of sender and recipient accepted. The message is not told yet.

        Raises:
            MailRefusedError: the recipient is refused for good, or is no address.
            MailUndeliveredError: not now; or the sender is refused, which is ours to mend.
        """

    def deliver(self, message: bytes) -> None:
        """Hand over the message, whose lines end with CR LF.

        Raises:
            MailRefusedError: the server will never take it.
            MailUndeliveredError: the server does not have it.
            MailDoubtfulError: the server may have it.
        """


class Transport(Protocol):
    """A way to hand over messages, one for each opening."""

    def open(self, timeout_s: float) -> AbstractContextManager[Handover]:
        """Connect, and leave again at the end of the block.

        Args:
            timeout_s: how long everything up to the last answer may take, in seconds. What the
                block does between the two steps counts too.

        Raises:
            MailUndeliveredError: no connection, no encryption where it is required, no sign-in.
        """


def transport(mail_url: str) -> Transport:
    """Read a mail address of the settings.

    Args:
        mail_url: `smtp://user:password@host:587` (port 25 unless named; encrypted by STARTTLS
            where the server offers it, and always with `?starttls=require`), `smtps://…` (port
            465 unless named) or `file:///a/folder`. User and password are percent-encoded.

    Raises:
        ValueError: it is none of these. The text repeats nothing of the address.
    """
    try:
        parts = urlsplit(mail_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_WHAT_IT_LOOKS_LIKE) from None
    if parts.scheme == "file" and host in (None, "localhost") and parts.path.strip("/"):
        return FolderTransport(Path(unquote(parts.path)))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if (
        parts.scheme not in _PORTS
        or not host
        or parts.path.strip("/")
        or options not in ({}, {"starttls": "require"})
    ):
        raise ValueError(_WHAT_IT_LOOKS_LIKE)
    return SmtpTransport(
        host=host,
        port=port or _PORTS[parts.scheme],
        is_tls_from_the_start=parts.scheme == "smtps",
        is_starttls_required=bool(options),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
