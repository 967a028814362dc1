"""Law 1: who may write money down, and who may bring a provider's word."""

import ast

from webapp.config import ROOT

# The bank is a house of its own with money of its own.
OURS = [path for path in (ROOT / "webapp").rglob("*.py") if "sandbox" not in path.parts]


def callers(*names: str) -> set[str]:
    """Return the files that call one of these functions by this name."""
    return {
        str(path.relative_to(ROOT / "webapp"))
        for path in OURS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    }


def test_only_the_settlement_books_money() -> None:
    assert callers("captures.take") == {"domain/payments/settlement.py"}
    assert callers("Capture", "models.Capture") == {"domain/payments/captures.py"}


def test_only_what_was_read_is_settled() -> None:
    assert callers("settlement.apply") == {"domain/payments/verification.py"}
