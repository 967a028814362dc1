"""Where messages go: to a mail server, or into a folder."""

from contextlib import AbstractContextManager
from typing import Protocol

from webapp.core.mail_url import MailUrl
from webapp.mail.folder import FolderTransport
from webapp.mail.smtp import SmtpTransport


class Handover(Protocol):
    """One message on its way, in two steps, so that a row can be committed between them."""

    def offer(self, sender: str, to: str) -> None:
        """Have the addresses of sender and recipient accepted. The message is not told yet.

        Raises:
            MailRefusedError: the recipient is refused for good, or is no address.
            MailPostponedError: this recipient is not accepted now.
            MailUnclearError: not now, and it may be the recipient's or the server's doing.
            MailUnavailableError: the sender is refused, or is no address: ours to mend.
        """

    def deliver(self, message: bytes) -> None:
        """Hand over the message, whose lines end with CR LF.

        Raises:
            MailRefusedError: the server will never take it.
            MailPostponedError: the server does not take this message now.
            MailUnclearError: not now, and it may be the message's or the server's doing.
            MailUnavailableError: the server takes nothing from us at all.
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
            MailUnavailableError: no connection, no encryption where it is required, no sign-in.
        """


def transport(mail_url: str) -> Transport:
    """Return the way to where a mail address of the settings points; see `MailUrl.parse`.

    Raises:
        ValueError: it is no such address. The text repeats nothing of it.
    """
    to = MailUrl.parse(mail_url)
    if to.folder is not None:
        return FolderTransport(to.folder)
    return SmtpTransport(
        host=to.host,
        port=to.port,
        is_tls_from_the_start=to.is_tls_from_the_start,
        is_starttls_required=to.is_starttls_required,
        user=to.user,
        password=to.password,
    )
