from urllib.parse import quote

import pytest

from tests.unit import certificates
from tests.unit.certificates import Certificate
from tests.unit.handover import MESSAGE, hand_over, url_of
from tests.unit.mail_servers import PASSWORD, USER, serving, sign_in
from webapp.mail import MailUnavailableError


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """The certificate, which this process trusts like any authority's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    return certificate


def test_the_connection_is_encrypted_where_the_server_offers_it(trusted: Certificate) -> None:
    with serving(tls_context=trusted.server_context) as server:
        hand_over(f"smtp://localhost:{server.port}")
    assert server.sessions[0].ssl is not None
    assert server.taken[0].original_content == MESSAGE


def test_a_server_without_encryption_gets_nothing_where_it_is_required() -> None:
    with serving() as server, pytest.raises(MailUnavailableError, match="encrypted"):
        hand_over(url_of(server) + "?starttls=require")
    assert server.asked == []


def test_a_server_with_encryption_is_served_where_it_is_required(trusted: Certificate) -> None:
    with serving(tls_context=trusted.server_context, require_starttls=True) as server:
        hand_over(f"smtp://localhost:{server.port}?starttls=require")
    assert len(server.taken) == 1


@pytest.mark.parametrize("query", ["", "?starttls=require"])
def test_a_certificate_that_nobody_signed_is_not_believed(
    certificate: Certificate, query: str
) -> None:
    with (
        serving(tls_context=certificate.server_context) as server,
        pytest.raises(MailUnavailableError, match="encrypted"),
    ):
        hand_over(f"smtp://localhost:{server.port}{query}")
    assert server.asked == []


def test_a_certificate_for_another_host_is_not_believed(trusted: Certificate) -> None:
    with (
        serving(tls_context=trusted.server_context) as server,
        pytest.raises(MailUnavailableError, match="encrypted"),
    ):
        hand_over(url_of(server))
    assert server.asked == []


def test_smtps_is_encrypted_from_the_first_byte(trusted: Certificate) -> None:
    with serving(implicit_tls=trusted.server_context) as server:
        hand_over(f"smtps://localhost:{server.port}")
    assert server.taken[0].original_content == MESSAGE


def test_smtps_does_not_believe_just_any_certificate(certificate: Certificate) -> None:
    with (
        serving(implicit_tls=certificate.server_context) as server,
        pytest.raises(MailUnavailableError, match="no connection"),
    ):
        hand_over(f"smtps://localhost:{server.port}")
    assert server.asked == []


def test_user_and_password_are_decoded_and_told_only_under_encryption(
    trusted: Certificate,
) -> None:
    signed_in = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
    with serving(
        tls_context=trusted.server_context, authenticator=sign_in, auth_required=True
    ) as server:
        hand_over(f"smtp://{signed_in}@localhost:{server.port}")
    assert server.sessions[0].ssl is not None
    assert server.sessions[0].authenticated


@pytest.mark.parametrize(
    ("password", "told"), [("wrong-secret", "535 5.7.8"), ("n%C3%B6n-ascii-secret", "Unicode")]
)
def test_a_wrong_password_is_undelivered_and_not_repeated(
    trusted: Certificate, password: str, told: str
) -> None:
    with (
        serving(tls_context=trusted.server_context, authenticator=sign_in) as server,
        pytest.raises(MailUnavailableError, match=f"sign in.*{told}") as raised,
    ):
        hand_over(f"smtp://{quote(USER, safe='')}:{password}@localhost:{server.port}")
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert server.asked == []


def test_a_password_where_no_sign_in_is_offered_is_undelivered() -> None:
    with serving() as server, pytest.raises(MailUnavailableError, match="sign in"):
        hand_over(f"smtp://user:secret@127.0.0.1:{server.port}")
    assert server.asked == []
