"""Which adapter speaks for which provider."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from webapp.providers import sandbox
from webapp.providers.base import Adapter

ADAPTERS: Final[Mapping[str, Adapter]] = MappingProxyType({"sandbox": sandbox})
