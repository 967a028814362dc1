"""The forms of accounts, made of what each provider wants to know. No secret is ever filled in."""

from collections.abc import Mapping, Sequence
from typing import cast

from wtforms import BooleanField, PasswordField, StringField

from webapp.domain.payments import account_fields
from webapp.domain.payments.account_fields import Field, Kind
from webapp.models import ProviderAccount
from webapp.web.dashboard.forms import DeskForm


class AccountForm(DeskForm):
    """Its fields differ from provider to provider; see `connecting` and `replacing`."""

    unchecked = BooleanField("Store it without asking the provider")

    @property
    def typed(self) -> dict[str, str | None]:
        """What was entered, by the names of the provider's fields."""
        return {name: self[name].data for name in self.hints}

    # What stands below each label, by field; the fields in the order in which they are asked for.
    hints: Mapping[str, str] = {}


def connecting(provider: str) -> AccountForm:
    """Make the form of an account that is to be connected.

    Raises:
        InvalidInputError: nothing can be entered for such a provider.
    """
    return _form(account_fields.of(provider).fields)


def replacing(account: ProviderAccount) -> AccountForm:
    """Make the form of an account whose keys are to be replaced; its name there stays."""
    asked = [
        one for one in account_fields.of(account.provider).fields if one.kind is not Kind.ACCOUNT
    ]
    return _form(asked, stays=True, known=account.options)


def _form(
    fields: Sequence[Field], *, stays: bool = False, known: Mapping[str, str] | None = None
) -> AccountForm:
    boxes = {one.name: _box(one) for one in fields}
    made = cast("type[AccountForm]", type("AccountForm", (AccountForm,), boxes))
    form = made(
        **{one.name: (known or {}).get(one.name) for one in fields if one.kind is Kind.OPTION}
    )
    form.hints = {one.name: _hint(one, stays=stays) for one in fields}
    return form


def _box(field: Field) -> StringField:
    if field.kind is Kind.SECRET:
        return PasswordField(field.label)
    return StringField(field.label)


def _hint(field: Field, *, stays: bool) -> str:
    if stays and field.kind is Kind.SECRET:
        return f"{field.hint} Empty: the stored one stays."
    return (
        field.hint if field.is_needed or "Empty:" in field.hint else f"{field.hint} May stay empty."
    )
