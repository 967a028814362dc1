import pytest

from webapp.core import errors
from webapp.core.errors import InvalidInputError, TillgateError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TillgateError)
]


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_refusal_is_answered_with_an_error_status(kind: type[TillgateError]) -> None:
    assert 400 <= kind.status < 600


def test_bad_input_names_its_field_and_the_reason() -> None:
    refusal = InvalidInputError("amount", "must be above zero")
    assert (refusal.field, refusal.reason) == ("amount", "must be above zero")
    assert str(refusal) == "amount: must be above zero"
