"""Which page shows which state. Asked for in another state, a page sends to the right one."""

from enum import StrEnum
from typing import Final

from webapp.core.states import LinkState
from webapp.domain.payments import closing
from webapp.domain.payments.status import LinkStatus


class PageName(StrEnum):
    """The buyer's pages; each value is also what the poll's `on` says."""

    PAY = "pay"
    PROCESSING = "processing"
    SUCCESS = "success"
    EXPIRED = "expired"
    CANCELED = "canceled"
    REVIEW = "review"


_FINAL: Final = {
    LinkState.PAID: PageName.SUCCESS,
    LinkState.EXPIRED: PageName.EXPIRED,
    LinkState.CANCELED: PageName.CANCELED,
    LinkState.REFUNDED: PageName.CANCELED,
    LinkState.REVIEW: PageName.REVIEW,
}


def right_page(status: LinkStatus, asked: PageName) -> PageName:
    """Return the page that shows this state: the one asked for, if it may."""
    if status.state is not LinkState.OPEN:
        return _FINAL[status.state]
    # Until the last payment has been looked after, nobody can begin another.
    if status.is_in_flight or status.closing_for == closing.RETRY:
        return PageName.PROCESSING
    # "Nothing was paid so far" is a page of its own that a payable link may show.
    return PageName.EXPIRED if asked is PageName.EXPIRED else PageName.PAY


def path(code: str, page: PageName) -> str:
    """Return the address of a page within the site."""
    return f"/pay/{code}" if page is PageName.PAY else f"/pay/{code}/{page}"
