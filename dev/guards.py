"""The guards of the house: `dev/laws.py` switches each off and shows the test that fails."""

from typing import Final

from dev.guards_money import MONEY
from dev.guards_others import OTHERS
from dev.guards_service import SERVICE
from dev.guards_shape import LAWS, WAITING, Guard

GUARDS: Final[tuple[Guard, ...]] = (*MONEY, *SERVICE, *OTHERS)

__all__ = ["GUARDS", "LAWS", "WAITING", "Guard"]
