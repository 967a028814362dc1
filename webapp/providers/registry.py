"""Which adapter speaks for which provider."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from webapp.providers import billing, paystack, sandbox, stripe, sumup
from webapp.providers.connection import FullAdapter

ADAPTERS: Final[Mapping[str, FullAdapter]] = MappingProxyType(
    {
        "sandbox": sandbox,
        "sumup": sumup,
        "paystack": paystack,
        "stripe": stripe,
        "billing": billing,
    }
)
