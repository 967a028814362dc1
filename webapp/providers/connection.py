"""An adapter joined to one account: the calls that the rules make, each with its deadline."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from webapp.providers import http
from webapp.providers.base import (
    Access,
    Adapter,
    CheckoutRequest,
    CloseAnswer,
    Created,
    Creation,
    Found,
    Handle,
    Hint,
    Missing,
    Read,
    Recovery,
    Refused,
    Unanswered,
    Unreadable,
)
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAnswer,
    Refunder,
    RefundRead,
    RefundUnknown,
    RefundWish,
)


class FullAdapter(Adapter, Refunder, Protocol):
    """Everything a provider can be asked; a module fulfils it."""


@dataclass(frozen=True)
class Connection:
    """One account at one provider. Nothing here raises for what the provider does."""

    adapter: FullAdapter
    access: Access

    def create(self, checkout: CheckoutRequest, *, timeout_s: float) -> Creation:
        """Ask for a checkout. Without an answer nobody knows whether it was made."""
        try:
            answer = http.send(
                self.adapter.build_create(self.access, checkout), timeout_s=timeout_s
            )
        except http.NoAnswerError as error:
            return Unanswered(str(error), is_silent=True)
        return self.adapter.parse_create(answer)

    def read(self, handle: Handle, *, timeout_s: float) -> Read:
        """Ask what became of a checkout. The only source of truth there is."""
        try:
            answer = http.send(self.adapter.build_read(self.access, handle), timeout_s=timeout_s)
        except http.NoAnswerError as error:
            return Unreadable(str(error), is_silent=True)
        read = self._bound(self.adapter.parse_read(answer), handle)
        if isinstance(read, Unreadable) and answer.status >= 500:
            return replace(read, is_silent=True)  # whoever crashes says as little
        return read

    def recover(
        self, checkout: CheckoutRequest, *, timeout_s: float, may_ask: bool = False
    ) -> Read:
        """Ask what became of a checkout whose making was not answered, and where it is paid.

        Where the provider finds nothing by our reference, the identical request is sent again: its
        idempotency gives the same checkout, or makes the one that never was. Elsewhere that is done
        only where `may_ask` allows it, and only after a read has found nothing.
        """
        is_by_key = self.adapter.CAPABILITIES.recovery is Recovery.SAME_REQUEST
        if not is_by_key:
            read = self.read(Handle(checkout.reference, None), timeout_s=timeout_s)
            if not (may_ask and isinstance(read, Missing)):
                return read
        match self.create(checkout, timeout_s=timeout_s):
            case Created(checkout_id, url):
                read = self.read(Handle(checkout.reference, checkout_id), timeout_s=timeout_s)
                if isinstance(read, Found) and read.observation.checkout_url is None:
                    return Found(replace(read.observation, checkout_url=url))
                return read
            case Refused(reason, is_unauthorised=True):
                return Unreadable(reason, is_unauthorised=True)
            case Refused(reason):
                # What a key repeats may be an old error: see `creations.note_unmade`.
                return Missing() if is_by_key else Missing(reason)
            case Unanswered(reason, is_silent=is_silent):
                return Unreadable(reason, is_silent=is_silent)

    def close(self, checkout_id: str, *, timeout_s: float) -> CloseAnswer:
        """Ask that nobody can pay this checkout any more. Read afterwards, whatever it says."""
        try:
            answer = http.send(
                self.adapter.build_close(self.access, checkout_id), timeout_s=timeout_s
            )
        except http.NoAnswerError:
            return CloseAnswer.UNKNOWN
        return self.adapter.parse_close(answer)

    def notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """Authenticate a notice that came for this account; see `Adapter.parse_notice`."""
        return self.adapter.parse_notice(self.access, headers, body, now)

    def refund(self, wish: RefundWish, *, timeout_s: float) -> RefundAnswer:
        """Ask that money be sent back. Without an answer nobody knows whether it was."""
        try:
            answer = http.send(self.adapter.build_refund(self.access, wish), timeout_s=timeout_s)
        except http.NoAnswerError as error:
            return RefundUnknown(str(error))
        return self.adapter.parse_refund(answer)

    def read_refunds(self, payment_reference: str, *, timeout_s: float) -> RefundRead:
        """Ask what the provider's books say of money that was sent back for one payment."""
        try:
            answer = http.send(
                self.adapter.build_read_refunds(self.access, payment_reference),
                timeout_s=timeout_s,
            )
        except http.NoAnswerError as error:
            return Unreadable(str(error), is_silent=True)
        read = self.adapter.parse_read_refunds(answer)
        if not isinstance(read, FoundRefunds):
            return read
        of_it = {None, payment_reference}
        return FoundRefunds(tuple(one for one in read.refunds if one.payment in of_it))

    def _bound(self, read: Read, handle: Handle) -> Read:
        """Fill in whose checkout it is where the provider's answers do not say it."""
        if not isinstance(read, Found):
            return read
        seen = read.observation
        checkout_id = seen.checkout_id or handle.checkout_id
        if checkout_id is None:
            return Unreadable("the answer names no checkout")
        return Found(
            replace(
                seen,
                account=self.access.account if seen.account is None else seen.account,
                is_live=self.access.is_live if seen.is_live is None else seen.is_live,
                checkout_id=checkout_id,
                reference=seen.reference or handle.reference,
            )
        )
