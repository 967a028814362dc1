"""For programs: the merchant's keys, made, shown once, revoked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import Field, StringField

from webapp.core import text
from webapp.core.errors import InvalidInputError
from webapp.domain.desk import api_keys, users
from webapp.models import ApiKey
from webapp.web.dashboard import desk, sentences
from webapp.web.dashboard.forms import DeskForm, checked

blueprint = desk.blueprint("desk_keys")


class KeyForm(DeskForm):
    """What a new key is called."""

    name = StringField("Name")

    def validate_name(self, field: Field) -> None:
        """Ask the rule for names."""
        checked(lambda: text.one_line("name", field.data or "", api_keys.MAX_NAME))


@dataclass(frozen=True)
class KeyPanel:
    """Everything the desk says of a key; what opens anything is not among it."""

    name: str
    prefix: str
    made_at: datetime
    made_by: str | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey, names: dict[int, str]) -> Self:
        """Say how a key stands."""
        return cls(
            name=key.name,
            prefix=key.prefix,
            made_at=key.created_at,
            made_by=sentences.actor(key.made_by, names) if key.made_by else None,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


@blueprint.get("/desk/keys")
def show_list() -> ResponseReturnValue:
    """Show the keys, and where the merchant's websites are."""
    return _page(KeyForm())


@blueprint.post("/desk/keys")
def make() -> ResponseReturnValue:
    """Make a key and show it: this answer is the only place where it ever stands."""
    form = KeyForm()
    if not form.validate():
        return _page(form), 422
    try:
        key, said = api_keys.make(desk.merchant(), form.name.data, made_by=desk.actor())
    except InvalidInputError as error:
        form.blame(error.field, error.reason)
        return _page(form), 422
    return render_template("dashboard/key_made.html", name=key.name, said=said)


@blueprint.get("/desk/keys/<prefix>/revoke")
def show_revoke(prefix: str) -> ResponseReturnValue:
    """Ask whether a key is to open nothing any more."""
    panel = _panel(api_keys.get(desk.merchant(), prefix))
    if panel.revoked_at is not None:
        return _back()
    return render_template(
        "dashboard/key_revoke.html", panel=panel, timezone=desk.merchant().timezone
    )


@blueprint.post("/desk/keys/<prefix>/revoke")
def revoke(prefix: str) -> ResponseReturnValue:
    """End a key."""
    api_keys.revoke(desk.merchant(), prefix, actor=desk.actor())
    return _back()


def _page(form: KeyForm) -> str:
    merchant = desk.merchant()
    return render_template(
        "dashboard/keys.html",
        form=form,
        panels=[_panel(key) for key in api_keys.of_merchant(merchant)],
        sites=merchant.sites,
        return_url=merchant.return_url,
        timezone=merchant.timezone,
    )


def _panel(key: ApiKey) -> KeyPanel:
    return KeyPanel.of(key, users.names(desk.merchant()))


def _back() -> ResponseReturnValue:
    return redirect(url_for("desk_keys.show_list"), 303)
