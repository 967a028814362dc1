"""`flask payments`: verify what is due, and prove that no money was lost."""

import sys

import click
from flask.cli import AppGroup

from webapp.cli.shell import ACTOR, REFUSED, refusing
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, audit, verification
from webapp.domain.payments.verification import Conclusion, Summary
from webapp.extensions import settings
from webapp.providers.base import Found, Unreadable

group = AppGroup("payments", help="Verify payments with their providers, and audit the money.")


@group.command("verify")
@click.option("--reference", help="Only this one: an order (ORD-…), an attempt (att-…) or a code.")
@click.option("--verbose", is_flag=True, help="A line for each attempt.")
@refusing
def verify(*, reference: str | None, verbose: bool) -> None:
    """Ask the providers about every attempt that is due (or about one order), and settle."""

    def told(conclusion: Conclusion) -> None:
        if verbose:
            click.echo(_line(conclusion))

    if reference is None:
        summary = verification.run_due(
            Budget.of(seconds=settings.job_timeout_s), actor=ACTOR, told=told
        )
    else:
        summary = Summary()
        for attempt_reference in attempts.named(reference):
            conclusion = verification.run_one(attempt_reference, actor=ACTOR)
            if conclusion is None:
                click.echo(f"{attempt_reference}: somebody else is reading it just now")
                continue
            summary.count(conclusion)
            told(conclusion)
    click.echo("Polling cycle complete!")
    click.echo(f"Verified: {summary.verified}")
    click.echo(f"Failed: {summary.failed}")
    click.echo(f"Still pending: {summary.pending}")
    click.echo(f"Errors: {summary.errors}")


@group.command("audit")
@refusing
def audit_command() -> None:
    """Sum captures, refunds and attention items; exit code 1 names what has not ended."""
    report = audit.run()
    for line in report.lines():
        click.echo(line)
    if not report.is_clean:
        sys.exit(REFUSED)


def _line(conclusion: Conclusion) -> str:
    match conclusion.read:
        case Found(observation):
            amounts = ", ".join(str(payment.money) for payment in observation.payments)
            said = f"{observation.raw_state}{f', {amounts}' if amounts else ''}"
        case Unreadable(reason):
            said = f"unreadable ({reason})"
        case _:
            said = "unknown there"
    outcome = conclusion.outcome.value if conclusion.outcome else "nothing changed"
    return f"{conclusion.reference}: {said}: {outcome}"
