"""What an account's provider takes; asked when a link is opened, not when its buyer pays."""

from datetime import datetime

from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.models import ProviderAccount
from webapp.providers.registry import ADAPTERS


def check(account: ProviderAccount, money: Money, expires_at: datetime) -> None:
    """Refuse what the account's provider would refuse.

    A checkout may outlive its link where it can be closed; where it cannot, the link must last at
    least as long as the shortest checkout.

    Args:
        account: whose provider it is.
        money: what the link asks for.
        expires_at: when the link ends.

    Raises:
        InvalidInputError: it does not take the currency, or so little or so much of it, or opens
            no checkout for so short a time.
    """
    takes = ADAPTERS[account.provider].CAPABILITIES
    only = account.options.get("currency")
    if money.currency not in takes.currencies or only not in {None, money.currency}:
        whose = account.provider if only is None else f"the account, which is in {only},"
        raise InvalidInputError("currency", f"{whose} does not take {money.currency}")
    if not takes.can_close and expires_at < clock.now() + takes.min_expiry:
        least_s = int(takes.min_expiry.total_seconds())
        raise InvalidInputError("expires_at", f"must be {least_s} seconds away or more")
    least = takes.least.get(money.currency)
    if least is not None and money.minor < least:
        floor = Money(least, money.currency)
        raise InvalidInputError("amount", f"must be {floor} or more: {account.provider}'s least")
    most = takes.most.get(money.currency)
    if most is not None and money.minor > most:
        ceiling = Money(most, money.currency)
        raise InvalidInputError("amount", f"must be {ceiling} or less: {account.provider}'s most")
