"""Composes one message from its templates and hands it to a mail server or a folder."""

from webapp.core.addresses import Mailbox
from webapp.mail.errors import (
    MailDoubtfulError,
    MailError,
    MailPostponedError,
    MailRefusedError,
    MailUnavailableError,
    MailUnclearError,
    MailUndeliveredError,
)
from webapp.mail.message import Attachment, InlineImage, compose
from webapp.mail.transports import Handover, Transport, transport

__all__ = [
    "Attachment",
    "Handover",
    "InlineImage",
    "MailDoubtfulError",
    "MailError",
    "MailPostponedError",
    "MailRefusedError",
    "MailUnavailableError",
    "MailUnclearError",
    "MailUndeliveredError",
    "Mailbox",
    "Transport",
    "compose",
    "transport",
]
