"""Composes one message from its templates and hands it to a mail server or a folder."""

from webapp.mail.errors import (
    MailDoubtfulError,
    MailError,
    MailRefusedError,
    MailUndeliveredError,
)
from webapp.mail.headers import Mailbox, address_of
from webapp.mail.message import Attachment, InlineImage, compose
from webapp.mail.transports import Handover, Transport, transport

__all__ = [
    "Attachment",
    "Handover",
    "InlineImage",
    "MailDoubtfulError",
    "MailError",
    "MailRefusedError",
    "MailUndeliveredError",
    "Mailbox",
    "Transport",
    "address_of",
    "compose",
    "transport",
]
