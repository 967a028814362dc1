"""A merchant's program: it has a key and no cookies."""

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from webapp.domain.desk import api_keys
from webapp.models import Merchant


class Program:
    """Sends its key with every request."""

    def __init__(self, app: Flask, merchant: Merchant) -> None:
        _, said = api_keys.make(merchant, "Shop", made_by="test")
        self.headers = {"Authorization": f"Bearer {said}"}
        self.client = app.test_client(use_cookies=False)

    def get(self, path: str, **query: str) -> TestResponse:
        """Fetch an address."""
        return self.client.get(path, headers=self.headers, query_string=query)

    def post(self, path: str, said: object = None) -> TestResponse:
        """Send JSON, or nothing."""
        body = {} if said is None else {"json": said}
        return self.client.post(path, headers=self.headers, **body)


def problem(answer: TestResponse) -> dict[str, Any]:
    """Return the problem document of a refusal, whose status it must repeat."""
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code
    said: dict[str, Any] = answer.json
    return said


def data(answer: TestResponse) -> Any:
    """Return what an answer is about."""
    assert answer.json is not None, answer.status_code
    return answer.json["data"]
