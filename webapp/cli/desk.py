"""`flask merchant` and `flask seed`: who sells here, and something to try."""

import click
from flask.cli import AppGroup

from webapp.cli.shell import refusing
from webapp.domain.desk import demo, merchants
from webapp.extensions import settings

merchant_group = AppGroup("merchant", help="Make merchants.")


@merchant_group.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="As buyers read it.")
@click.option("--support-email", help="Where buyers find help.")
@click.option("--sandbox", is_flag=True, help="Connect it to the sandbox bank.")
@refusing
def create_merchant(*, slug: str, name: str, support_email: str | None, sandbox: bool) -> None:
    """Make a merchant. SLUG is its short name for commands."""
    merchant = merchants.make(slug, name, support_email=support_email)
    if sandbox:
        merchants.connect_sandbox(merchant)
    click.echo(f"{merchant.slug}: {merchant.name}")


@click.command("seed")
@click.option("--without-examples", is_flag=True, help="Only what can be paid now.")
@refusing
def seed(*, without_examples: bool) -> None:
    """Make a demo merchant with something to pay; run again, it makes only what is missing."""
    made = demo.prepare(has_examples=not without_examples)
    click.echo(f"Merchant          {made.merchant.name} ({made.merchant.slug})")
    click.echo(f"Pending order     {made.pending_reference}")
    click.echo(f"Payable link      {settings.base_url}/pay/{made.payable_code}")
