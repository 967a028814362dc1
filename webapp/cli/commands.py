"""Every command of the house."""

from flask import Flask

from webapp.cli import desk, links, mail, payments, review


def register(app: Flask) -> None:
    """Give the app its commands: `flask --help` lists them."""
    for command in (
        links.group,
        payments.group,
        review.group,
        mail.group,
        desk.merchant_group,
        desk.seed,
    ):
        app.cli.add_command(command)
