"""What programs send: JSON, read strictly, and refused with the field that is wrong."""

from typing import Annotated, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from webapp.core.errors import InvalidInputError


class Body(BaseModel):
    """A JSON object with these members, in camel case, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


# A name of ours: whatever else it is, nobody asks the database for it.
Name = Annotated[str, Field(pattern=r"\A[A-Za-z0-9-]{1,64}\z")]
Line = Annotated[str, Field(max_length=320)]

Kind = TypeVar("Kind", bound=Body)

_WORDS = {
    "missing": "is needed",
    "extra_forbidden": "is not known here",
    "string_type": "must be a text",
    "string_pattern_mismatch": "must be an id, a code or a reference",
    "string_too_long": "is too long",
}


def take_in() -> None:
    """Take in a program's whole body, however slowly it comes, before the database is asked.

    A notice has a bound of its own: its view takes it in.
    """
    if request.path.startswith("/api/"):
        request.get_data()


def read(kind: type[Kind], *, may_be_empty: bool = False) -> Kind:
    """Return the body of this request.

    Args:
        kind: what it must be.
        may_be_empty: no body at all is the same as `{}`.

    Raises:
        UnsupportedMediaType: it is not said to be JSON.
        BadRequest: it is no JSON.
        InvalidInputError: it says something wrong; the field names it.
    """
    sent = request.get_data(cache=False)
    if not sent and may_be_empty:
        sent = b"{}"
    elif not request.is_json:
        raise UnsupportedMediaType
    try:
        return kind.model_validate_json(sent)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if wrong["type"] == "json_invalid":
            raise BadRequest from None
        field = str(wrong["loc"][0]) if wrong["loc"] else "body"
        reason = _WORDS.get(wrong["type"], "must be a JSON object")
        raise InvalidInputError(field, reason) from None
