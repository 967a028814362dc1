"""`make docs`: writes the pages of docs/ that are made from the code. `--check` only compares."""

import difflib
import sys
from pathlib import Path

from dev.paths import ROOT
from webapp.core import states
from webapp.core.public_status import LINK_STATUS

_NOUNS: dict[type[states.State], str] = {
    states.LinkState: "Payment link",
    states.SessionState: "Payment session",
    states.AttemptState: "Payment attempt",
    states.CaptureState: "Capture",
    states.RefundState: "Refund",
    states.TicketState: "Ticket",
    states.EmailState: "Email message",
    states.AttentionState: "Attention item",
    states.AccountState: "Provider account",
}

_HEAD = """\
# States

Made from `webapp/core/states.py` by `make docs`; a test holds the two together. `transition()` and
`transition_many()` in `webapp/domain/transitions.py` are the only code that takes a step. A visible
step raises the link's version and leaves a row of its name in the audit trail.
"""

_ORDERS = """\
## What an order is called

Derived, never stored: `webapp.core.public_status.order_status`.

| word | when |
|---|---|
| `pending_verification` | OPEN, and an attempt could hold money |
| `completed` | PAID |
| `failed` | OPEN or EXPIRED, and the last attempt ended FAILED |
| `expired` | EXPIRED otherwise |
| `requires_manual_review` | REVIEW |
| `open`, `draft`, `canceled`, `refunded` | as the state says |
"""


def main(words: list[str]) -> int:
    """Write the pages, or with `--check` say which are not what the code says."""
    is_check = "--check" in words
    stale = 0
    for path, content in pages().items():
        before = path.read_text() if path.exists() else ""
        if before == content:
            continue
        stale += 1
        if is_check:
            lines = difflib.unified_diff(before.splitlines(), content.splitlines(), "is", "should")
            print(f"{path.relative_to(ROOT)} is stale; run `make docs`.", *lines, sep="\n")
        else:
            path.write_text(content)
            print(f"{path.relative_to(ROOT)} written")
    return 1 if is_check and stale else 0


def pages() -> dict[Path, str]:
    """Return what each generated page should hold."""
    return {ROOT / "docs" / "states.md": states_page()}


def states_page() -> str:
    """Draw every noun's table and diagram."""
    parts = [_HEAD]
    for kind, noun in _NOUNS.items():
        edges = states.TABLES[kind]
        parts.append(f"## {noun}\n")
        parts.append("```mermaid\nstateDiagram-v2")
        initial = next(iter(kind))
        parts.append(f"  [*] --> {initial}")
        parts.extend(
            f"  {before} --> {after}: {edge.name}" for (before, after), edge in edges.items()
        )
        parts.append("```\n")
        parts.append("| from | to | named | visible |\n|---|---|---|---|")
        parts.extend(
            f"| {before} | {after} | `{edge.name}` | {'yes' if edge.is_visible else 'no'} |"
            for (before, after), edge in edges.items()
        )
        parts.append("")
        if kind is states.LinkState:
            parts.append("| state | outside | sentence |\n|---|---|---|")
            parts.extend(
                f"| {state} | `{status.code}` | {status.sentence} |"
                for state, status in LINK_STATUS.items()
            )
            parts.append("")
    parts.append(_ORDERS)
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
