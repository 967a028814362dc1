"""`flask keys`: merchants' keys for programs."""

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, refusing
from webapp.core import clock
from webapp.domain.desk import api_keys, merchants
from webapp.models import ApiKey

group = AppGroup(
    "keys",
    help="Make, list and revoke the keys by which programs speak for a merchant.",
)

_MERCHANT = click.option("--merchant", required=True, help="Its short name.")


@group.command("make")
@click.argument("name")
@_MERCHANT
@refusing
def make(*, name: str, merchant: str) -> None:
    """Make a key called NAME and print it: it cannot be had again."""
    _, said = api_keys.make(merchants.get(merchant), name, made_by=ACTOR)
    click.echo(said)


@group.command("list")
@_MERCHANT
@refusing
def show_list(*, merchant: str) -> None:
    """List the keys of a merchant: prefix, when it was last used, state, name."""
    for key in api_keys.of_merchant(merchants.get(merchant)):
        click.echo(_line(key))


@group.command("revoke")
@click.argument("prefix")
@_MERCHANT
@refusing
def revoke(*, prefix: str, merchant: str) -> None:
    """End the key with this PREFIX, with or without its tgk_."""
    owner = merchants.get(merchant)
    key = api_keys.revoke(owner, prefix.removeprefix("tgk_"), actor=ACTOR)
    click.echo(_line(key))


def _line(key: ApiKey) -> str:
    used = clock.iso(key.last_used_at) if key.last_used_at else "never"
    state = f"revoked {clock.iso(key.revoked_at)}" if key.revoked_at else "works"
    return f"tgk_{key.prefix}  used {used}  {state}  {key.name}"
