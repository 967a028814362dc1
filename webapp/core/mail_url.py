"""Where mail goes, as the settings name it: a mail server, or a folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

_PORTS = {"smtp": 25, "smtps": 465}
_WHAT_IT_LOOKS_LIKE = "must be smtp://user:password@host:587, smtps://… or file:///a/folder"


@dataclass(frozen=True)
class MailUrl:
    """A mail address of the settings, taken apart. Where `folder` is set, nothing else is."""

    folder: Path | None = None
    host: str = ""
    port: int = 0
    is_tls_from_the_start: bool = False
    is_starttls_required: bool = False
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, mail_url: str) -> Self:
        """Read a mail address of the settings.

        Args:
            mail_url: `smtp://user:password@host:587` (port 25 unless named; encrypted by STARTTLS
                where the server offers it, and always with `?starttls=require`), `smtps://…` (port
                465 unless named) or `file:///a/folder`. User and password are percent-encoded.

        Raises:
            ValueError: it is none of these. The text repeats nothing of the address.
        """
        try:
            parts = urlsplit(mail_url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(_WHAT_IT_LOOKS_LIKE) from None
        if parts.scheme == "file" and host in (None, "localhost") and parts.path.strip("/"):
            return cls(folder=Path(unquote(parts.path)))
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if (
            parts.scheme not in _PORTS
            or not host
            or port == 0
            or parts.path.strip("/")
            or options not in ({}, {"starttls": "require"})
        ):
            raise ValueError(_WHAT_IT_LOOKS_LIKE)
        return cls(
            host=host,
            port=port or _PORTS[parts.scheme],
            is_tls_from_the_start=parts.scheme == "smtps",
            is_starttls_required=bool(options),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )
