from pathlib import Path

import pytest

from webapp import mail
from webapp.mail.folder import FolderTransport
from webapp.mail.smtp import SmtpTransport


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("smtp://mail.example", SmtpTransport("mail.example", 25)),
        ("smtp://mail.example:587", SmtpTransport("mail.example", 587)),
        (
            "smtp://us%40er:p%2Fs%3As%20s@mail.example:587/?starttls=require",
            SmtpTransport(
                "mail.example",
                587,
                is_starttls_required=True,
                user="us@er",
                password="p/s:s s",
            ),
        ),
        ("smtps://mail.example", SmtpTransport("mail.example", 465, is_tls_from_the_start=True)),
        ("smtp://[::1]:2525", SmtpTransport("::1", 2525)),
        ("file:///srv/var/ma%20il", FolderTransport(Path("/srv/var/ma il"))),
    ],
)
def test_a_mail_address_of_the_settings_is_understood(
    url: str, transport: SmtpTransport | FolderTransport
) -> None:
    assert mail.transport(url) == transport


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example",
        "http://user:secret@mail.example",
        "smtp://",
        "smtp://user:secret@mail.example:port",
        "smtp://user:secret@mail.example:99999",
        "smtp://user:secret@mail.example:0",
        "smtp://user:sec/ret@mail.example",
        "smtp://user:secret@mail.example/inbox",
        "smtp://user:secret@mail.example?starttls=maybe",
        "smtp://user:secret@mail.example?starttls=",
        "smtp://user:secret@mail.example?tls=1",
        "smtp://user:secret@[mail.example",
        "file://var/mail",
        "file:///",
    ],
)
def test_any_other_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must be smtp://.*, smtps://… or file:///") as refusal:
        mail.transport(url)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_user_and_password_are_not_shown() -> None:
    shown = repr(mail.transport("smtp://someone:secret@mail.example"))
    assert "someone" not in shown
    assert "secret" not in shown
