"""The tables, one noun with its child rows per file. Importing this package declares them all."""

from webapp.models.alert import Alert, AlertMail
from webapp.models.api_key import ApiKey
from webapp.models.attention_item import AttentionItem
from webapp.models.capture import Capture, Refund
from webapp.models.email_message import EmailMessage
from webapp.models.event import Event
from webapp.models.job_run import Heartbeat, JobRun
from webapp.models.merchant import Merchant
from webapp.models.payment_attempt import PaymentAttempt
from webapp.models.payment_link import PaymentEvent, PaymentLink
from webapp.models.payment_session import PaymentSession
from webapp.models.provider_account import ProviderAccount
from webapp.models.provider_notice import ProviderNotice
from webapp.models.ticket import Ticket, TicketDocument
from webapp.models.user import User

__all__ = [
    "Alert",
    "AlertMail",
    "ApiKey",
    "AttentionItem",
    "Capture",
    "EmailMessage",
    "Event",
    "Heartbeat",
    "JobRun",
    "Merchant",
    "PaymentAttempt",
    "PaymentEvent",
    "PaymentLink",
    "PaymentSession",
    "ProviderAccount",
    "ProviderNotice",
    "Refund",
    "Ticket",
    "TicketDocument",
    "User",
]
