"""The least that Flask can do: one route that says "ok". A poll is measured against it."""

from flask import Flask

from webapp.core.process import die_with_parent

die_with_parent()
app = Flask(__name__)


@app.get("/ok")
def say_ok() -> str:
    """Say it."""
    return "ok"
