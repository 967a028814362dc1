"""Having the provider asked at once whether an order was paid."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from webapp.core.errors import NotFoundError, TooOftenError
from webapp.domain.payments import asking
from webapp.web.dashboard import desk
from webapp.web.dashboard.links import page, panel_of

blueprint = desk.blueprint("desk_verifying")


@blueprint.post("/desk/links/<reference>/verify")
def verify(reference: str) -> ResponseReturnValue:
    """Ask in the background, and show the link: what the provider says appears there."""
    panel = panel_of(reference)
    try:
        asking.soon(desk.merchant(), panel.reference)
    except TooOftenError as refusal:
        wait = "a second" if refusal.wait_s == 1 else f"{refusal.wait_s} seconds"
        said = f"The provider was asked moments ago. In {wait} it can be asked again."
        return page(panel.reference, refusal=said), 429
    except NotFoundError:
        return page(panel.reference, refusal="No payment of this link is watched any more."), 409
    where = url_for("desk_links.show", reference=panel.reference, asked=1)
    return redirect(where, 303)
