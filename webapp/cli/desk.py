"""`flask merchant` and `flask seed`: who sells here, and something to try."""

import json
from pathlib import Path

import click
from flask.cli import AppGroup

from webapp.cli.shell import refusing
from webapp.cli.users import password_stdin, read_password
from webapp.domain.desk import demo, demo_accounts, merchants, users
from webapp.domain.payments import links
from webapp.extensions import settings

merchant_group = AppGroup("merchant", help="Make merchants.")


@merchant_group.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="As buyers read it.")
@click.option("--support-email", help="Where buyers find help.")
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    help="In which it is told all times, such as Europe/Berlin.",
)
@click.option("--sandbox", is_flag=True, help="Connect it to the sandbox bank.")
@click.option("--owner-email", help="Who signs in for it; their password is asked for.")
@click.option("--owner-name", help="How the owner is called; their address unless said.")
@password_stdin
@refusing
def create_merchant(
    *,
    slug: str,
    name: str,
    support_email: str | None,
    timezone: str,
    sandbox: bool,
    owner_email: str | None,
    owner_name: str | None,
    from_stdin: bool,
) -> None:
    """Make a merchant. SLUG is its short name for commands.

    With --owner-email somebody can sign in for it at /desk. The password, 12 characters or more, is
    asked for twice and not shown. In a script: --password-stdin.
    """
    owner = None
    if owner_email:
        password = read_password(from_stdin=from_stdin)
        owner = users.draft(email=owner_email, password=password, name=owner_name or owner_email)
    merchant = merchants.make(
        slug, name, support_email=support_email, timezone=timezone, owner=owner
    )
    if sandbox:
        merchants.connect_sandbox(merchant)
    click.echo(f"{merchant.slug}: {merchant.name}")
    if owner is not None:
        click.echo(f"{owner.email} signs in at {settings.base_url}/desk")


@click.command("seed")
@click.option("--without-examples", is_flag=True, help="Only what can be paid now.")
@click.option(
    "--account",
    "account_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with an account at a pretended provider: it gets a demo merchant of its own.",
)
@refusing
def seed(*, without_examples: bool, account_files: tuple[Path, ...]) -> None:
    """Make a demo merchant with something to pay; run again, it makes only what is missing."""
    made = demo.prepare(has_examples=not without_examples)
    click.echo(f"Merchant          {made.merchant.name} ({made.merchant.slug})")
    click.echo(f"Desk              {settings.base_url}/desk")
    click.echo(f"Sign in           {demo.OWNER}  {_password(made)}")
    click.echo(f"Pending order     {made.pending_reference}")
    click.echo(f"Payable link      {links.pay_url(made.payable_code)}")
    for file in account_files:
        wish = demo_accounts.Wish.from_json(json.loads(file.read_text()))
        paid_there = demo_accounts.prepare(wish)
        click.echo(f"\nMerchant          {paid_there.merchant.name} ({paid_there.merchant.slug})")
        click.echo(f"Sign in           {paid_there.owner_email}  {demo.PASSWORD}")
        click.echo(f"Payable link      {links.pay_url(paid_there.payable_code)}")
        click.echo(f"Notices           {paid_there.notice_url}")


def _password(made: demo.Demo) -> str:
    if not made.has_owner:
        return "(somebody else signs in with it: the demo has no owner)"
    return made.owner_password or "(with the password that was set for it)"
