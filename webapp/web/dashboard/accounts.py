"""The merchant's accounts at payment providers: seen by staff, changed by owners."""

import re
from collections.abc import Callable
from typing import Final

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import Forbidden

from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    NotFoundError,
    ProviderUnreadableError,
    TooOftenError,
)
from webapp.domain.desk import merchants
from webapp.domain.payments import account_changes, accounts
from webapp.extensions import settings
from webapp.models import ProviderAccount
from webapp.web.dashboard import account_forms, account_panels, desk
from webapp.web.dashboard.account_forms import AccountForm
from webapp.web.dashboard.account_panels import SANDBOX, AccountPanel, Tested
from webapp.web.dashboard.forms import DeskForm
from webapp.web.dashboard.sentences import spoken

blueprint = desk.blueprint("desk_accounts")

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")


@blueprint.get("/desk/account")
def show_list() -> ResponseReturnValue:
    """Show the accounts, and where further ones can be connected."""
    return page()


@blueprint.get("/desk/account/connect/<provider>")
def show_connect(provider: str) -> ResponseReturnValue:
    """Ask for what opens an account."""
    require_owner()
    return _asking("connect", provider, _form_of(provider))


@blueprint.post("/desk/account/connect/<provider>")
def connect(provider: str) -> ResponseReturnValue:
    """Connect an account, once its provider has taken the key."""
    require_owner()
    form = _form_of(provider)
    if provider == SANDBOX:
        merchants.connect_sandbox(desk.merchant())
        return _back()
    return _do(
        "connect",
        provider,
        form,
        lambda: account_changes.add(
            desk.merchant(),
            provider,
            form.typed,
            is_checked=not form.unchecked.data,
            actor=desk.actor(),
        ),
    )


@blueprint.get("/desk/account/<account>/replace")
def show_replace(account: str) -> ResponseReturnValue:
    """Ask for other keys; the stored ones are never shown."""
    require_owner()
    row = _account(account)
    return _asking("replace", row.provider, _replacing(row), row)


@blueprint.post("/desk/account/<account>/replace")
def replace(account: str) -> ResponseReturnValue:
    """Give an account other keys, once its provider has taken them."""
    require_owner()
    row = _account(account)
    form = _replacing(row)
    return _do(
        "replace",
        row.provider,
        form,
        lambda: account_changes.replace(
            row, form.typed, is_checked=not form.unchecked.data, actor=desk.actor()
        ),
        row,
    )


@blueprint.post("/desk/account/<account>/test")
def test(account: str) -> ResponseReturnValue:
    """Ask the provider one harmless question, and say what came of it."""
    row = _account(account)
    try:
        probe = account_changes.test(row)
    except TooOftenError as refusal:
        return page(tested=Tested.too_often(refusal.wait_s)), refusal.status
    return page(tested=Tested.of(row, probe))


@blueprint.get("/desk/account/<account>/disconnect")
def show_disconnect(account: str) -> ResponseReturnValue:
    """Ask whether no more payments are to be taken with an account."""
    require_owner()
    panel = AccountPanel.of(_account(account), paid_to=None)
    if not panel.offers_disconnect:
        return _back()
    return render_template("dashboard/account_disconnect.html", panel=panel)


@blueprint.post("/desk/account/<account>/disconnect")
def disconnect(account: str) -> ResponseReturnValue:
    """Take no more payments with an account."""
    require_owner()
    account_changes.disconnect(_account(account), actor=desk.actor())
    return _back()


@blueprint.post("/desk/account/<account>/choose")
def choose(account: str) -> ResponseReturnValue:
    """Let new links be paid to an account."""
    require_owner()
    account_changes.choose(_account(account), actor=desk.actor())
    return _back()


@blueprint.post("/desk/account/<account>/reconnect")
def reconnect(account: str) -> ResponseReturnValue:
    """Take payments with an account again."""
    require_owner()
    account_changes.reconnect(_account(account), actor=desk.actor())
    return _back()


def require_owner() -> None:
    """Let owners only go on.

    Raises:
        Forbidden: somebody else is signed in.
    """
    if not is_owner():
        raise Forbidden


def is_owner() -> bool:
    """Whether who is signed in may change accounts."""
    return bool(current_user.user.role == "owner")


def page(*, tested: Tested | None = None) -> str:
    """Return the page of all accounts, with what a test of one of them has brought."""
    merchant = desk.merchant()
    try:
        paid_to = accounts.active(merchant)
    except AccountNotConnectedError:
        paid_to = None
    panels = [AccountPanel.of(one, paid_to=paid_to) for one in accounts.of_merchant(merchant)]
    return render_template(
        "dashboard/accounts.html",
        panels=panels,
        offers=account_panels.offers(has_sandbox=settings.sandbox_enabled),
        offers_consent=account_panels.offers_consent(),
        is_owner=is_owner(),
        tested=tested,
        timezone=merchant.timezone,
    )


def _account(number: str) -> ProviderAccount:
    if not _NUMBER.fullmatch(number):
        raise NotFoundError("there is no such account")
    return accounts.get(desk.merchant(), int(number))


def _form_of(provider: str) -> AccountForm:
    if provider == SANDBOX and settings.sandbox_enabled:
        return AccountForm()
    try:
        return account_forms.connecting(provider)
    except InvalidInputError as error:
        raise NotFoundError("there is no such provider") from error


def _replacing(row: ProviderAccount) -> AccountForm:
    if row.provider == SANDBOX:
        raise NotFoundError("the sandbox bank has no key to enter")
    return account_forms.replacing(row)


def _asking(
    page_name: str,
    provider: str,
    form: DeskForm,
    row: ProviderAccount | None = None,
    *,
    offers_unchecked: bool = False,
) -> str:
    return render_template(
        f"dashboard/account_{page_name}.html",
        form=form,
        provider=provider,
        provider_name=account_panels.provider_name(provider),
        offers_consent=provider == "sumup" and account_panels.offers_consent(),
        panel=None if row is None else AccountPanel.of(row, paid_to=None),
        offers_unchecked=offers_unchecked,
    )


def _do(
    page_name: str,
    provider: str,
    form: AccountForm,
    act: Callable[[], object],
    row: ProviderAccount | None = None,
) -> ResponseReturnValue:
    """Do it and show the accounts; or say at the field what is wrong."""
    try:
        act()
    except InvalidInputError as error:
        form.blame(error.field, error.reason)
        return _asking(page_name, provider, form, row), 422
    except ProviderUnreadableError as error:
        form.form_errors.append(spoken(str(error)))
        return _asking(page_name, provider, form, row, offers_unchecked=True), 502
    return _back()


def _back() -> ResponseReturnValue:
    return redirect(url_for("desk_accounts.show_list"), 303)
