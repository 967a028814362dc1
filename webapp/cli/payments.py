"""`flask payments`: verify what is due, and prove that no money was lost."""

import sys

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, REFUSED, refusing
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, audit, check_leases, narration, verification
from webapp.domain.payments.conclusions import Summary
from webapp.domain.payments.narration import Narrator
from webapp.extensions import settings
from webapp.providers.registry import ADAPTERS

group = AppGroup("payments", help="Verify payments with their providers, and audit the money.")


@group.command("verify")
@click.option("--reference", help="Only this one: an order (ORD-…), an attempt (att-…) or a code.")
@click.option(
    "--provider",
    type=click.Choice(sorted(ADAPTERS)),
    help="Every open payment at this one, whether it is due or not.",
)
@click.option("--verbose", is_flag=True, help="Say what happens, a line each.")
@refusing
def verify(*, reference: str | None, provider: str | None, verbose: bool) -> None:
    """Ask the providers about every payment that is due (or about some), settle, and sum up."""
    narrator = Narrator(click.echo if verbose else None)
    if reference is None:
        if provider is not None:
            check_leases.pull_all_forward(provider)
        budget = Budget.of(seconds=settings.job_timeout_s)
        summary = verification.run_due(budget, actor=ACTOR, provider=provider, narrator=narrator)
    else:
        summary = _verify_one(reference, provider, narrator)
    if not verbose:
        for sentence in narration.in_words(summary):
            click.echo(sentence)


def _verify_one(reference: str, provider: str | None, narrator: Narrator) -> Summary:
    summary = Summary()
    names = attempts.named(reference, provider=provider)
    narrator.begin({provider or "": len(names)})
    for name in names:
        conclusion = verification.run_one(name, actor=ACTOR, narrator=narrator)
        if conclusion is None:
            click.echo(f"{name}: somebody else is reading it just now")
        else:
            summary.count(conclusion)
    narrator.end(summary)
    return summary


@group.command("audit")
@refusing
def audit_command() -> None:
    """Sum captures, refunds and attention items; exit code 1 names what has not ended."""
    report = audit.run()
    for line in report.lines():
        click.echo(line)
    if not report.is_clean:
        sys.exit(REFUSED)
