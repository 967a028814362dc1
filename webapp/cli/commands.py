"""Every command of the house."""

from flask import Flask
from flask_migrate import Migrate

from webapp.cli import (
    accounts,
    alerts,
    attention,
    desk,
    keys,
    links,
    mail,
    payments,
    refunds,
    review,
    users,
)
from webapp.extensions import db


def register(app: Flask) -> None:
    """Give the app its commands: `flask --help` lists them."""
    Migrate(app, db, directory="migrations", compare_type=True)
    for command in (
        links.group,
        payments.group,
        refunds.group,
        review.group,
        attention.group,
        mail.group,
        alerts.group,
        desk.merchant_group,
        desk.seed,
        users.user_group,
        accounts.group,
        keys.group,
    ):
        app.cli.add_command(command)
