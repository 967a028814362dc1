import ast
from pathlib import Path

import pytest

from dev import docs
from webapp import models
from webapp.config import ROOT

HOUSE = sorted([*(ROOT / "webapp").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")])
# The bank is a house of its own with states of its own.
OURS = [path for path in HOUSE if "sandbox" not in path.parts]
THE_ONE_PLACE = ROOT / "webapp" / "domain" / "transitions.py"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_but_the_transitions_assigns_a_state(path: Path) -> None:
    if path == THE_ONE_PLACE:
        assert assignments(path)
    else:
        assert assignments(path) == []


def test_the_search_for_assignments_finds_every_way_of_writing_one(tmp_path: Path) -> None:
    written = tmp_path / "written.py"
    written.write_text(
        "link.state = LinkState.PAID\n"
        "link.state, other = LinkState.PAID, 1\n"
        "setattr(link, 'state', LinkState.PAID)\n"
        "update(PaymentLink).values(state=LinkState.PAID)\n"
        "update(PaymentLink).values({'state': 1})\n"
        "update(PaymentLink).values({PaymentLink.state: 1})\n"
        "PaymentLink(state=LinkState.PAID)\n"
        "link.state: LinkState = LinkState.PAID\n"
    )
    assert assignments(written) == list(range(1, 9))


def test_the_page_about_states_is_what_the_code_says() -> None:
    assert docs.main(["--check"]) == 0


def assignments(path: Path) -> list[int]:
    """Return the lines that write a state: by attribute, by name, by column or by constructor."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr == "state":
            if isinstance(node.ctx, ast.Store | ast.Del):
                found.add(node.lineno)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            is_setattr = called == "setattr" and ast.unparse(node.args[1]) == "'state'"
            writes = called.endswith(".values") or called in models.__all__
            if is_setattr or (writes and _names_state(node)):
                found.add(node.lineno)
    return sorted(found)


def _names_state(call: ast.Call) -> bool:
    keys = [
        key
        for argument in call.args
        if isinstance(argument, ast.Dict)
        for key in argument.keys
        if key is not None
    ]
    by_key = any(ast.unparse(key).split(".")[-1].strip("'") == "state" for key in keys)
    return by_key or any(keyword.arg == "state" for keyword in call.keywords)
