"""What the tickets' email says: the facts that its templates are filled with."""

from dataclasses import dataclass
from datetime import datetime

from webapp.documents.ticket_order import PrintedTicket, TicketOrder


@dataclass(frozen=True)
class TicketEmail:
    """One order, told to its buyer. Without tickets it is a receipt.

    `paid_at` is an aware moment, told in the zone of the IANA name `timezone`. `page_url` is the
    whole address of the buyer's own ticket page. When `is_pdf_attached` is false the text sends the
    buyer to that page for the PDF.
    """

    order: TicketOrder
    paid_at: datetime
    timezone: str
    page_url: str
    is_pdf_attached: bool

    def content_id(self, ticket: PrintedTicket) -> str:
        """Return the name under which the HTML expects this ticket's QR code inline."""
        return f"{ticket.serial}@qr.tillgate"
