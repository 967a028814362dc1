"""A merchant's way to SumUp and back: they agree there, and come back with a code."""

import hmac
from typing import Final

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import RadioField

from webapp.core import references
from webapp.core.errors import TillgateError
from webapp.domain.payments import consents
from webapp.domain.payments.consents import Choice
from webapp.extensions import settings
from webapp.web.dashboard import desk
from webapp.web.dashboard.accounts import require_owner
from webapp.web.dashboard.forms import DeskForm
from webapp.web.dashboard.sentences import spoken

blueprint = desk.blueprint("desk_consents")

# What the session remembers: which way was begun here, and which choice is to be made.
_BEGUN: Final = "consent_begun"
_CHOICE: Final = "consent_choice"


class ChoiceForm(DeskForm):
    """Which of several merchant accounts is connected."""

    merchant_code = RadioField("Merchant account", validate_choice=False)


@blueprint.post("/desk/account/sumup/authorise")
def authorise() -> ResponseReturnValue:
    """Send the browser to SumUp, with a word that only this session can come back with, once."""
    require_owner()
    name = references.token()
    try:
        address = consents.authorize_url(_signer().dumps(name))
    except TillgateError as refusal:
        return _failed(refusal)
    session[_BEGUN] = name
    return redirect(address, 303)


@blueprint.get(consents.CALLBACK)
def come_back() -> ResponseReturnValue:
    """Take what SumUp sent the browser back with, if it was us who sent it there."""
    require_owner()
    if not _is_ours(request.args.get("state", "")):
        return _page(
            "This was not begun here",
            "It was begun in another browser, is used already, or took more than ten minutes."
            " Nothing was changed.",
        ), 400
    session.pop(_BEGUN, None)
    code = request.args.get("code")
    if not code:
        return _page("You did not agree", "SumUp gave us no leave. Nothing was changed."), 409
    try:
        made = consents.accept(desk.merchant(), code, actor=desk.actor())
    except TillgateError as refusal:
        return _failed(refusal)
    if isinstance(made, Choice):
        session[_CHOICE] = made.name
        return redirect(url_for("desk_consents.show_choice"), 303)
    return redirect(url_for("desk_accounts.show_list"), 303)


@blueprint.get("/desk/account/sumup/choose")
def show_choice() -> ResponseReturnValue:
    """Ask which of the accounts is meant, for which the merchant may speak."""
    require_owner()
    form = _choice()
    if not form.merchant_code.choices:
        return _page("There is nothing to choose from", "It took too long: begin anew."), 409
    return render_template("dashboard/account_choose.html", form=form)


@blueprint.post("/desk/account/sumup/choose")
def choose() -> ResponseReturnValue:
    """Connect the account that was chosen."""
    require_owner()
    form = _choice()
    if form.merchant_code.choices and not form.merchant_code.data:
        form.blame("merchant_code", "choose one of them")
        return render_template("dashboard/account_choose.html", form=form), 422
    name = session.get(_CHOICE, "")
    try:
        consents.choose(desk.merchant(), name, form.merchant_code.data or "", actor=desk.actor())
    except TillgateError as refusal:
        return _failed(refusal)
    session.pop(_CHOICE, None)
    return redirect(url_for("desk_accounts.show_list"), 303)


def _choice() -> ChoiceForm:
    form = ChoiceForm()
    offered = consents.choices(desk.merchant(), session.get(_CHOICE, ""))
    form.merchant_code.choices = [(one.merchant_code, one.name) for one in offered]
    return form


def _is_ours(state: str) -> bool:
    """Whether this session began it, not long ago, and has not come back before."""
    begun = session.get(_BEGUN)
    try:
        name = _signer().loads(state, max_age=consents.LASTS_S)
    except BadData:
        return False
    return begun is not None and hmac.compare_digest(str(name).encode(), str(begun).encode())


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key.get_secret_value(), salt="sumup-consent")


def _failed(refusal: TillgateError) -> ResponseReturnValue:
    return _page("The account was not connected", spoken(str(refusal))), refusal.status


def _page(title: str, sentence: str) -> str:
    return render_template("dashboard/account_consent.html", heading=title, sentence=sentence)
