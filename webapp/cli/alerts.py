"""`flask alerts`: see what was told, end what is over, and try whether alerts arrive."""

import sys

import click
from flask.cli import AppGroup

from webapp.cli.shell import REFUSED, refusing
from webapp.core import clock
from webapp.domain.messages import alerts
from webapp.models import Alert

group = AppGroup("alerts", help="See alerts, end them, and try whether they arrive.")


@group.command("list")
@click.option("--open/--all", "open_only", default=True, show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@refusing
def list_(*, open_only: bool, limit: int) -> None:
    """List alerts, the newest first, without the stories: these may name buyers."""
    for alert in alerts.latest(open_only=open_only, limit=limit):
        click.echo(_line(alert))


@group.command("end")
@click.argument("alert_id", metavar="ID", type=int)
@click.option("--reason", required=True, help="Why; it is kept with the alert.")
@refusing
def end(*, alert_id: int, reason: str) -> None:
    """End an open alert: what it tells of is over. If it comes again, that is a new alert."""
    alert = alerts.end_by_hand(alert_id, reason=reason)
    click.echo(f"Alert {alert.id} is ended: {alert.headline}")


@group.command("test")
@refusing
def test() -> None:
    """Send a test alert to ALERT_EMAIL, and end it; exit code 1 says why it could not be sent."""
    summary = alerts.try_out()
    for reason in summary.reasons:
        click.echo(f"Error: not sent: {reason}", err=True)
    if summary.failed:
        sys.exit(REFUSED)
    click.echo("Sent." if summary.sent else "A worker is sending it.")


def _line(alert: Alert) -> str:
    state = "open" if alert.ended_at is None else f"ended {clock.iso(alert.ended_at)}"
    return "  ".join(
        (
            str(alert.id),
            alert.severity,
            alert.kind,
            alert.subject,
            clock.iso(alert.raised_at),
            f"x{alert.times}",
            state,
            alert.headline,
        )
    )
