import pytest

from webapp.core import fingerprints


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::2", "2001:db8::/64"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_a_client_is_known_by_what_it_cannot_change_of_its_address(
    client: str, network: str
) -> None:
    assert fingerprints.network(client) == network


def test_a_fingerprint_is_the_same_each_time_and_another_with_another_secret() -> None:
    mark = fingerprints.of("192.0.2.1", "secret")
    assert mark == fingerprints.of("192.0.2.1", "secret")
    assert (
        len({mark, fingerprints.of("192.0.2.2", "secret"), fingerprints.of("192.0.2.1", "")}) == 3
    )
    assert len(mark) == 32
    assert "192" not in mark
