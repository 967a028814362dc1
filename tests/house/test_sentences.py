"""Whatever the audit trail can say, the desk says in plain words."""

import ast

import pytest

from webapp.config import ROOT
from webapp.core.states import TABLES
from webapp.models import PaymentEvent
from webapp.models.attention_item import KINDS
from webapp.web.dashboard import sentences

OURS = [path for path in (ROOT / "webapp").rglob("*.py") if "sandbox" not in path.parts]


def names() -> set[str]:
    """Return every name that an audit row can have: those of visible edges, and those recorded."""
    edges = {edge.name for table in TABLES.values() for edge in table.values() if edge.is_visible}
    return edges | recorded()


def recorded() -> set[str]:
    """Return the names that code of ours records besides the edges."""
    found = set()
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "record":
                name = node.args[1]
                assert isinstance(name, ast.Constant), f"{path}: a name that no test can read"
                found.add(str(name.value))
    return found


def test_the_search_finds_what_is_recorded() -> None:
    assert {"link_made", "closing_begun", "payment_declined"} <= recorded()


def test_every_name_has_a_sentence_and_every_sentence_a_name() -> None:
    assert set(sentences.EVENTS) == names()


def test_every_kind_of_item_has_words() -> None:
    assert set(sentences.KINDS) == set(sentences.MEANINGS) == set(KINDS)


def test_colours_are_for_names_that_there_are() -> None:
    assert set(sentences.EVENTS) >= sentences._GOOD | sentences._BAD | sentences._TO_LOOK_AT


@pytest.mark.parametrize(
    ("actor", "says"),
    [
        ("user:7", "Olga"),
        ("user:8", "somebody who has left"),
        ("buyer", "the buyer"),
        ("cli", "the operator"),
        ("seed", "the demo"),
        ("provider:sandbox", "the payment provider"),
        ("sweep:verification", "the system"),
    ],
)
def test_every_actor_has_a_word(actor: str, says: str) -> None:
    assert sentences.actor(actor, {7: "Olga"}) == says


@pytest.mark.parametrize(
    ("name", "detail", "says"),
    [
        ("payment_declined", {"reason": "insufficient funds"}, "insufficient funds"),
        ("payment_interrupted", {"reason": "timeout"}, "it took too long"),
        ("closing_begun", {"reason": "cancel"}, "it is being canceled"),
        ("attention_raised", {"kind": "late"}, "Paid after the end"),
        ("attempt_failed", {"reason": ""}, ""),
        ("payment_confirmed", {"attempt": "att-1"}, ""),
    ],
)
def test_a_detail_is_told_in_words(name: str, detail: dict[str, str], says: str) -> None:
    assert sentences.event(PaymentEvent(name=name, detail=detail))[1] == says
