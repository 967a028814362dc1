"""A bank that costs next to nothing: it answers each read after a while, in the sandbox's dialect.

It keeps no books. A checkout's id says what there is to say about it: `open.<reference>` waits for
its buyer and `paid.<reference>` has 25.00 EUR. Run as `python -m bench.fakebank PORT LATENCY_S`.
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Final

from dev.processes import Program
from dev.stack import Stack
from webapp.core import clock

AMOUNT_MINOR: Final = 2500
CURRENCY: Final = "EUR"

_KEY: Final = b"authorization: bearer sbk_"


def start(stack: Stack, latency_s: float) -> None:
    """Run it in the bank's place of a stack that has none, and wait until it answers."""
    command = [sys.executable, "-m", "bench.fakebank", str(stack.bank_port), str(latency_s)]
    stack.processes.start(Program("bank", command, stack.environment))
    stack.wait_until_ready("bank")


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency_s: float
) -> None:
    """Answer one connection's requests, which have no bodies, until it is closed."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            if path == "/health":
                body = b"{}"
            else:
                await asyncio.sleep(latency_s)
                body = _checkout(path.rpartition("/")[2], _account(head))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
    writer.close()


def _account(head: bytes) -> str:
    """Return the account whose key the request carries."""
    lines = (line for line in head.split(b"\r\n") if line.lower().startswith(_KEY))
    key = next(lines)[len(_KEY) :].decode()
    return key.rpartition("_")[0]


def _checkout(checkout_id: str, account: str) -> bytes:
    state, _, reference = checkout_id.partition(".")
    money = {"amount_minor": AMOUNT_MINOR, "currency": CURRENCY}
    payment = {"id": f"pay-{reference}", **money, "paid_at": clock.iso(clock.now())}
    answer = {
        "id": checkout_id,
        "reference": reference,
        "account": account,
        "livemode": False,
        "status": state,
        **money,
        "payments": [payment] if state == "paid" else [],
    }
    return json.dumps(answer).encode()


async def _main(port: int, latency_s: float) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _serve(reader, writer, latency_s), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))
