"""What an account's provider takes; asked when a link is opened, not when its buyer pays."""

from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.models import ProviderAccount
from webapp.providers.registry import ADAPTERS


def check(account: ProviderAccount, money: Money) -> None:
    """Refuse money that the account's provider would refuse.

    Raises:
        InvalidInputError: it does not take the currency, or so little or so much of it.
    """
    takes = ADAPTERS[account.provider].CAPABILITIES
    if money.currency not in takes.currencies:
        raise InvalidInputError("currency", f"{account.provider} does not take {money.currency}")
    least = takes.least.get(money.currency)
    if least is not None and money.minor < least:
        floor = Money(least, money.currency)
        raise InvalidInputError("amount", f"must be {floor} or more: {account.provider}'s least")
    most = takes.most.get(money.currency)
    if most is not None and money.minor > most:
        ceiling = Money(most, money.currency)
        raise InvalidInputError("amount", f"must be {ceiling} or less: {account.provider}'s most")
