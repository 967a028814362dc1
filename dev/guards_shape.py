"""What a guard is, and the laws that guards keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dev.terminal import CommandError

LAWS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "One door: only a settlement turns a provider's word into money or a state, once.",
        2: "Truth comes from a read: a notice, a return or a silence decides nothing.",
        3: "Captured money ends as a ticket, a refund or a question to a person.",
        4: "No money is expired or canceled away.",
        5: "Promises commit with the state; whoever dies afterwards delays them and loses none.",
        6: "No call to the outside while a transaction is open, and none without a timeout.",
        7: "Locks re-read; unique columns and leases with tokens make once out of twice.",
        8: "A poll reads, and asks for a check at most every few seconds.",
        9: "A row that fails moves its own clock and keeps nobody else waiting.",
        10: "A merchant sees its own rows only.",
        11: "Nothing sensitive in a log, a shared address, a job or an error page.",
    }
)

# What these laws say about things that do not exist yet.
WAITING: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Guard:
    """One place of the code that keeps a law, and the test that fails without it.

    `new` takes the place of `old` in `file`: what somebody might write who does not know the law.
    """

    law: int
    what: str
    file: str
    old: str
    new: str
    test: str

    @property
    def sentence(self) -> str:
        """What the test claims, in words."""
        return self.test.rpartition("::")[2].removeprefix("test_").replace("_", " ")

    def switch_off(self, tree: Path) -> None:
        """Take the guard out of a copy of the project.

        Raises:
            CommandError: it is not there, or more than once: the table has to be mended.
        """
        file = tree / self.file
        file.write_text(self.taken_out_of(file.read_text()))

    def taken_out_of(self, text: str) -> str:
        """Return the file's text without the guard; see `switch_off`."""
        found = text.count(self.old)
        if found != 1:
            raise CommandError(f"{self.file} has this {found} times instead of once:\n{self.old}")
        return text.replace(self.old, self.new)
