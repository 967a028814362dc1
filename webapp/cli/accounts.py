"""`flask account`: merchants' accounts at providers. A secret never stands among the words."""

import json
import sys

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, REFUSED, refusing
from webapp.core.errors import InvalidInputError
from webapp.domain.desk import merchants
from webapp.domain.payments import account_changes, account_fields, accounts, credentials
from webapp.domain.payments.account_fields import Kind
from webapp.models import ProviderAccount
from webapp.providers.base import Unreadable
from webapp.providers.probes import Accepted, Probe, Rejected

group = AppGroup(
    "account",
    help="Connect merchants' accounts at payment providers, and change their keys."
    " ACCOUNT is a number of `flask account list`.",
)

_SECRETS_STDIN = click.option(
    "--secrets-stdin",
    "from_stdin",
    is_flag=True,
    help='Read the secrets from standard input as JSON, such as {"api_key": "…"},'
    " in place of asking for each.",
)
_UNCHECKED = click.option(
    "--unchecked",
    is_flag=True,
    help="Store the key without asking the provider whether it takes it.",
)
_CREATE_PATH = click.option("--create-path", help="billing: the path that makes a checkout.")
_CANCEL_PATH = click.option("--cancel-path", help="billing: the path that cancels a checkout.")


@group.command("add")
@click.argument("merchant")
@click.argument("provider")
@click.option("--account", help="sumup: the merchant code. paystack, billing: any name.")
@click.option("--connected-account", help="stripe: the account that a platform acts for, acct_….")
@_CREATE_PATH
@_CANCEL_PATH
@_SECRETS_STDIN
@_UNCHECKED
@refusing
def add(
    *, merchant: str, provider: str, from_stdin: bool, unchecked: bool, **words: str | None
) -> None:
    """Connect an account of MERCHANT (its short name) at PROVIDER.

    PROVIDER is sumup, paystack, stripe, billing or sandbox. The keys are asked for and not shown,
    and the provider is asked whether it takes them. An account that is known gets the new keys.
    """
    owner = merchants.get(merchant)
    if provider == "sandbox":
        merchants.connect_sandbox(owner)
        account = accounts.of_provider(owner, "sandbox")
    else:
        typed = words | _secrets(provider, from_stdin=from_stdin)
        account = account_changes.add(
            owner, provider, typed, is_checked=not unchecked, may_borrow=True, actor=ACTOR
        )
    if account is not None:
        click.echo(_line(account))
        click.echo(f"Its notices come to {accounts.notice_url(account)}")


@group.command("list")
@click.argument("merchant")
@refusing
def show_list(*, merchant: str) -> None:
    """List the accounts of MERCHANT: number, provider, name there, mode, state."""
    for account in accounts.of_merchant(merchants.get(merchant)):
        click.echo(_line(account))


@group.command("replace")
@click.argument("account", type=int)
@_CREATE_PATH
@_CANCEL_PATH
@_SECRETS_STDIN
@_UNCHECKED
@refusing
def replace(*, account: int, from_stdin: bool, unchecked: bool, **words: str | None) -> None:
    """Give ACCOUNT other keys; what is left empty stays as it is."""
    row = accounts.by_id(account)
    typed = words | _secrets(row.provider, from_stdin=from_stdin)
    account_changes.replace(row, typed, is_checked=not unchecked, actor=ACTOR)
    click.echo(_line(row))


@group.command("test")
@click.argument("account", type=int)
@refusing
def test(*, account: int) -> None:
    """Ask the provider one harmless question with the keys of ACCOUNT."""
    probe = account_changes.test(accounts.by_id(account))
    click.echo(_said(probe))
    if not isinstance(probe, Accepted):
        sys.exit(REFUSED)


@group.command("disconnect")
@click.argument("account", type=int)
@refusing
def disconnect(*, account: int) -> None:
    """Take no new payments with ACCOUNT; what was begun is still read with it."""
    account_changes.disconnect(accounts.by_id(account), actor=ACTOR)
    click.echo(_line(accounts.by_id(account)))


@group.command("choose")
@click.argument("account", type=int)
@refusing
def choose(*, account: int) -> None:
    """Let the next links of its merchant be paid to ACCOUNT."""
    account_changes.choose(accounts.by_id(account), actor=ACTOR)
    click.echo(_line(accounts.by_id(account)))


@group.command("reconnect")
@click.argument("account", type=int)
@refusing
def reconnect(*, account: int) -> None:
    """Take payments with ACCOUNT again, with the keys that are stored."""
    account_changes.reconnect(accounts.by_id(account), actor=ACTOR)
    click.echo(_line(accounts.by_id(account)))


@group.command("rotate-keys")
@refusing
def rotate_keys() -> None:
    """Encrypt the keys of all accounts with the first of CREDENTIALS_KEYS.

    Afterwards the others of CREDENTIALS_KEYS can be taken away, unless some cannot be read.
    """
    done = credentials.rotate()
    click.echo(f"Encrypted anew: {done.rewritten}")
    click.echo(f"Had the first key already: {done.current}")
    click.echo(f"Cannot be read with any key: {done.unreadable}")
    if done.unreadable:
        sys.exit(REFUSED)


def _secrets(provider: str, *, from_stdin: bool) -> dict[str, str | None]:
    """Ask for each secret without showing it, or take a JSON object from standard input."""
    fields = [one for one in account_fields.of(provider).fields if one.kind is Kind.SECRET]
    if from_stdin:
        return _read({one.name for one in fields})
    return {
        one.name: click.prompt(f"{one.label} (may stay empty)", default="", hide_input=True,
                               show_default=False)
        for one in fields
    }  # fmt: skip


def _read(known: set[str]) -> dict[str, str | None]:
    try:
        said = json.loads(sys.stdin.read())
    except ValueError:
        said = None
    if not isinstance(said, dict) or not all(isinstance(one, str) for one in said.values()):
        raise InvalidInputError("secrets", "must be a JSON object of texts on standard input")
    if not said.keys() <= known:
        raise InvalidInputError("secrets", f"can only be {', '.join(sorted(known))}")
    return {**said}


def _line(account: ProviderAccount) -> str:
    mode = "live" if account.is_live else "test"
    lost = "  needs consent again" if account.consent_lost_at is not None else ""
    return (
        f"{account.id}  {account.provider}  {account.external_account}  {mode}"
        f"  {account.state.value}{lost}"
    )


def _said(probe: Probe) -> str:
    match probe:
        case Accepted(account, name):
            about = " ".join(word for word in (account, name) if word)
            return f"The key is accepted{f': {about}' if about else ''}."
        case Rejected(reason):
            return f"Not accepted: {reason}."
        case Unreadable(reason):
            return f"The provider cannot be asked just now: {reason}."
