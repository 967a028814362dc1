"""Columns that several tables write the same way."""

from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Enum, func
from sqlalchemy.orm import MappedColumn, mapped_column

Kind = TypeVar("Kind", bound=StrEnum)


def state_column(kind: type[Kind], initial: Kind) -> MappedColumn[Kind]:
    """Return a column for one noun's state: its word as text, checked by the database too."""
    noun = kind.__name__.removesuffix("State").lower()
    words = Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=24,
        name=f"{noun}_state",
    )
    return mapped_column(words, default=initial)


def made_at() -> MappedColumn[datetime]:
    """Return a column that PostgreSQL fills with the moment of the row's transaction."""
    return mapped_column(server_default=func.now())
