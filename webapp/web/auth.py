"""Signing in and out, and who may be at the desk."""

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField

from webapp import client
from webapp.core.errors import TooManyTriesError
from webapp.domain.desk import sign_in_tries, users
from webapp.extensions import login_manager
from webapp.models import Merchant, User

blueprint = Blueprint("auth", __name__)

HOME: Final = "/desk/links"

_AT_THE_DESK: Final = frozenset({"owner", "staff"})

# Only our own pages: no other host, no dots that lead elsewhere, nothing encoded in the path.
_LOCAL: Final = re.compile(r"/desk(/[A-Za-z0-9_-]+)*/?(\?[!-\[\]-~]*)?")


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """The person behind a session."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        """Name the person and their password: another password or a sign-out ends the session."""
        return f"{self.user.id}.{users.session_stamp(self.user)}"

    @property
    def email(self) -> str:
        """What they sign in with."""
        return self.user.email

    @property
    def merchant(self) -> Merchant | None:
        """Whom they sign in for."""
        return self.user.merchant

    @property
    def is_at_the_desk(self) -> bool:
        """Whether the desk is for them."""
        return self.user.merchant_id is not None and self.user.role in _AT_THE_DESK


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Who are you?"""

    email = EmailField("Email address")
    password = PasswordField("Password")


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load(session_id: str) -> SignedIn | None:
    """Return whose session this is, unless a new password or a sign-out has ended it."""
    number, _, stamp = session_id.partition(".")
    user = users.get(int(number))
    return SignedIn(user) if user is not None and users.is_stamped(user, stamp) else None


@blueprint.get("/desk/sign-in")
def show_sign_in() -> ResponseReturnValue:
    """Ask who it is."""
    if current_user.is_authenticated:
        return redirect(onward(request.args.get("next")), 303)
    return _page(SignInForm(), request.args.get("next"))


@blueprint.post("/desk/sign-in")
def sign_in() -> ResponseReturnValue:
    """Begin a session. What is wrong, address or password, is not said."""
    form = SignInForm()
    try:
        user = sign_in_tries.verify(
            form.email.data or "", form.password.data or "", client=client.address()
        )
    except TooManyTriesError as error:
        return _wait(form, error.wait_s)
    if user is None:
        form.form_errors = ["The address or the password is not right."]
        return _page(form, request.form.get("next")), 422
    session.clear()  # whoever had this browser before left nothing in it
    login_user(SignedIn(user))
    return redirect(onward(request.form.get("next")), 303)


@blueprint.post("/desk/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here, and wherever else its person is signed in."""
    if current_user.is_authenticated:
        users.end_sessions(current_user.user.id)
    logout_user()
    session.clear()
    return redirect("/desk/sign-in", 303)


@blueprint.after_request
def never_kept(answer: Response) -> Response:
    """Let no browser and no proxy keep what is the merchant's."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


def admit() -> ResponseReturnValue | None:
    """Answer whoever the desk is not for; None lets them in.

    Raises:
        Unauthorized: a page's poll whose session has ended; the page reloads itself then.
    """
    if not current_user.is_authenticated:
        if "HX-Request" in request.headers:
            raise Unauthorized
        wanted = request.full_path.rstrip("?") if request.method == "GET" else HOME
        return redirect(_sign_in_path(wanted), 303)
    if not current_user.is_at_the_desk:
        return render_template("auth/not_here.html", user=current_user.user), 403
    return None


def onward(wanted: str | None) -> str:
    """Return where to go after signing in: an address of the desk, whatever was asked for."""
    return wanted if wanted and _LOCAL.fullmatch(wanted) else HOME


def _wait(form: SignInForm, wait_s: int) -> ResponseReturnValue:
    minutes = -(-wait_s // 60)
    form.form_errors = [f"Too many tries. Wait {minutes} minute{'' if minutes == 1 else 's'}."]
    page = _page(form, request.form.get("next"))
    return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(wait_s)}


def _sign_in_path(wanted: str) -> str:
    return f"/desk/sign-in?{urlencode({'next': wanted})}"


def _page(form: SignInForm, wanted: str | None) -> str:
    return render_template("auth/sign_in.html", form=form, next=onward(wanted))
