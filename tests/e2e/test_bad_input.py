"""What the real web server does with requests that no browser and no provider sends."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from dev.office import Office
from tests.e2e.conftest import Place

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("place")]

MEGABYTE = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"


def send(place: Place, path: str, *headers: str, body: bytes) -> bytes:
    """Send a request byte by byte as it is written here, and return the answer's first line."""
    address = urlsplit(place.stack.url)
    asked = "\r\n".join([f"POST {path} HTTP/1.1", "Host: pay.example", *headers, "", ""])
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        with suppress(ConnectionError):  # it may have answered already and hung up
            connection.sendall(asked.encode() + body)
        answer = bytearray()
        while b"\r\n" not in answer:
            answer += connection.recv(4096)
    return bytes(answer).partition(b"\r\n")[0]


def hook(office: Office) -> tuple[str, int]:
    """Return where an account's notices arrive, and how many have been kept."""
    with office.books() as books:
        (account,) = books.execute(
            "SELECT hook_token FROM provider_account WHERE provider = 'sandbox'"
        ).fetchall()
        (kept,) = books.execute("SELECT count(*) AS n FROM provider_notice").fetchall()
    return f"/hooks/sandbox/{account['hook_token']}", kept["n"]


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        ("Transfer-Encoding: chunked", MEGABYTE * 3 + b"0\r\n\r\n", b"413"),
        ("Content-Length: 5000000", b"{", b"413"),
        ("Transfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n", b"400"),
        ("Content-Length: 2", b"{}", b"400"),
    ],
    ids=["too much in pieces", "too much at once", "forged in pieces", "forged at once"],
)
def test_a_notice_that_is_too_large_or_forged_is_refused_and_not_kept(
    place: Place, office: Office, header: str, body: bytes, expected: bytes
) -> None:
    path, before = hook(office)
    assert send(place, path, header, body=body).split()[1] == expected
    assert hook(office) == (path, before)


def test_a_form_that_is_too_large_is_refused(place: Place, office: Office) -> None:
    code = office.link(1)
    length = f"Content-Length: {5_000_000}"
    kind = "Content-Type: application/x-www-form-urlencoded"
    assert send(place, f"/pay/{code}", length, kind, body=b"email=").split()[1] == b"413"
