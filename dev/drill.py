"""`make drill`: 200 people pay while everything is killed; then the money is counted.

Web, worker, scheduler and bank are killed at random moments, and so are single jobs; Redis is
emptied, and PostgreSQL is restarted once. Afterwards the bank's own ledger is held against our
captures, and `flask payments audit` has to find nothing.
"""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from dev.buyer import Buyer, GaveUpError
from dev.chaos import Chaos
from dev.mailroom import MailRoom
from dev.office import Office
from dev.reckoning import Reckoning
from dev.signals import stopped_by_signals
from dev.stack import Stack

PAYMENTS: Final = 200
AT_ONCE: Final = 8
RECOVERY_S: Final = 240

# The same code as in production with shorter waits: a drill should not take a day.
SETTINGS: Final = {
    "CHECK_LEASE_S": "12",
    "PROVIDER_TIMEOUT_S": "5",
    "PROVIDER_CREATE_TIMEOUT_S": "5",
    "CHECK_RECENT_EVERY_S": "5",
    "CHECK_UNANSWERED_AFTER_S": "5",
    "NEVER_MADE_AFTER_S": "10",
    "CLOSING_RETRY_S": "3",
    "CLOSING_LEASE_S": "12",
    "EXPIRY_EVERY_S": "5",
    "MAIL_TIMEOUT_S": "5",
    "MAIL_LEASE_S": "10",
    "MAIL_REPEAT_AFTER_S": "5",
    "DRAIN_FOR_S": "5",
    "SANDBOX_LATE_S": "5",
    "SANDBOX_DOWN_S": "10",
}

# What buyers press, and how often: the odd ones often enough to meet every crash.
BUTTONS: Final = {
    "pay": 50, "lose": 15, "twice": 10, "wrong": 8, "decline": 6, "silent": 4, "late": 5, "down": 2,
}  # fmt: skip
# Payments that come late, or never, need a link that ends while we watch.
SHORT_LIFE: Final = timedelta(seconds=40)


def main(words: Sequence[str]) -> int:
    """Run the drill and say what became of the money; 0 only when all of it has ended."""
    seed = int(words[0]) if words else random.SystemRandom().randrange(10**6)
    print(f"Drill with seed {seed}: {PAYMENTS} payments, {AT_ONCE} buyers at once.", flush=True)
    dice = random.Random(seed)  # noqa: S311  # repeatable, and no secret
    with (
        stopped_by_signals(),
        MailRoom() as mail,
        Stack(demo="plain", changes=SETTINGS | {"MAIL_URL": mail.url}) as stack,
    ):
        office = Office(stack)
        try:
            began = time.monotonic()
            with Chaos(stack, dice) as chaos:
                pressed = _pay_all(stack, office, dice)
            print(f"{time.monotonic() - began:.0f} s of payments under {chaos.summary()}.")
            print(f"Buyers pressed: {_listed(pressed)}.", flush=True)
            reckoning = Reckoning(stack, office, mail)
            recovered = reckoning.wait_until_quiet(RECOVERY_S)
            print(
                f"After the last crash: {recovered.money_s:.1f} s until our books held all that"
                f" the bank took, {recovered.everything_s:.1f} s until every payment, message and"
                " short-lived link had ended."
            )
            findings = reckoning.findings()
            for line in reckoning.lines():
                print(line)
            for finding in findings:
                print(f"WRONG {finding}")
            print("Nothing was lost or doubled." if not findings else f"{len(findings)} wrong.")
            return 1 if findings else 0
        finally:
            office.close()


def _pay_all(stack: Stack, office: Office, dice: random.Random) -> Counter[str]:
    """Let every buyer pay, a few at a time; return how often which button was pressed."""
    choices = dice.choices(list(BUTTONS), weights=list(BUTTONS.values()), k=PAYMENTS)
    pressed: Counter[str] = Counter()
    counting = threading.Lock()

    def pay(number: int, button: str) -> None:
        life = SHORT_LIFE if button in {"late", "silent"} else None
        code = _patiently(lambda: office.link(number, life=life))
        buyer = Buyer(stack.url)
        try:
            page = buyer.start(code)
            if page is not None:
                buyer.press(page, button)
                with counting:
                    pressed[button] += 1
            if number % 2:  # the others have closed their browser at the bank
                buyer.come_back(code)
                buyer.status(code)
        except GaveUpError as error:
            with counting:
                pressed[f"gave up ({error})"] += 1
        finally:
            buyer.close()

    with ThreadPoolExecutor(AT_ONCE) as buyers:
        for done in [buyers.submit(pay, number, button) for number, button in enumerate(choices)]:
            done.result()
    return pressed


def _patiently(act: Callable[[], str]) -> str:
    """Try again while the database is being restarted; the office is not what is drilled."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return act()
        except SQLAlchemyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in counted.most_common())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
