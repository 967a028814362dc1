"""Hands a message over as the rules do, without the row that they commit in between."""

from tests.unit.mail_servers import MailServer
from webapp import mail

SENDER = "tickets@pay.example"
BUYER = "zoe.private@buyer.example"
MESSAGE = b"Subject: Tickets\r\nMessage-ID: <msg-1@pay.example>\r\n\r\nHello\r\n.dot\r\n..\r\n"

# Long enough for a busy machine, short enough to wait for where nothing comes.
PATIENCE_S = 10.0
SHORT_S = 0.4


def hand_over(url: str, *, timeout_s: float = PATIENCE_S, message: bytes = MESSAGE) -> None:
    """Open, offer, deliver."""
    with mail.transport(url).open(timeout_s) as handover:
        handover.offer(SENDER, BUYER)
        handover.deliver(message)


def url_of(server: MailServer) -> str:
    """Where the server is reached, without encryption."""
    return f"smtp://127.0.0.1:{server.port}"
