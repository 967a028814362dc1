"""Structured logs, one line an event, without anything secret or personal."""

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor

from webapp.core.text import masked

_SECRET_KEYS = re.compile(
    r"passw|secret|token|authorization|api_key|credential|cookie|signature|csrf", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
# PostgreSQL shows the whole row that it refused.
_REFUSED_ROW = re.compile(r"DETAIL: .*")
# A provider's key, a merchant's, a bearer token, the password inside an address.
_SECRET_VALUES = re.compile(
    r"(sbk_|sbn_|sk_|rk_|sup_sk_|whsec_|tgk_|Bearer )\S+|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Take secrets and addresses out of one event, whoever wrote them into it."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: object) -> object:
    if _SECRET_KEYS.search(key):
        return "[secret]"
    if isinstance(value, str):
        without = _REFUSED_ROW.sub("DETAIL: [row]", _SECRET_VALUES.sub("[secret]", value))
        return _ADDRESS.sub(lambda found: masked(found[0]), without)
    if isinstance(value, dict):
        return {inner: _clean(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(key, item) for item in value]
    return value


def configure(*, level: str, as_json: bool, stream: TextIO = sys.stdout) -> None:
    """Send our events and the libraries' through one pipe: standard output, or another stream."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # A line per request to a provider or per rendered font says nothing that our events do not.
    for chatty in ("httpx2", "httpcore2", "fontTools", "weasyprint", "rq.worker", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
