import base64
import string

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from webapp.core.ticket_code import NO_EVENT, TicketClaim, TicketSigner, verify

SIGNER = TicketSigner("k1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
CLAIM = TicketClaim("ORD-7K2MQD4XHB-12", "ORD-7K2MQD4XHB", "EVT-GCZK2HHQ")
CODE = SIGNER.sign(CLAIM)

FIELDS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=40)
CLAIMS = st.builds(TicketClaim, FIELDS, FIELDS, FIELDS)


def test_the_code_reads_as_documented() -> None:
    signed, _, valid = CODE.partition("|VALID:")
    assert signed == "TICKET:ORD-7K2MQD4XHB-12|ORDER:ORD-7K2MQD4XHB|EVENT:EVT-GCZK2HHQ"
    key_id, _, signature = valid.partition(".")
    assert key_id == "k1"
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64


@given(CLAIMS)
def test_whatever_is_claimed_verifies_with_the_public_key(claim: TicketClaim) -> None:
    assert verify(SIGNER.sign(claim), SIGNER.public_keys) == claim


def test_a_ticket_without_an_event_verifies_too() -> None:
    claim = TicketClaim("ORD-7K2MQD4XHB-1", "ORD-7K2MQD4XHB", NO_EVENT)
    assert verify(SIGNER.sign(claim), SIGNER.public_keys) == claim


def test_the_same_claim_gives_the_same_code() -> None:
    assert SIGNER.sign(CLAIM) == CODE


@given(st.integers(0, len(CODE) - 1), st.characters(codec="ascii"))
def test_no_character_of_a_code_can_be_changed(position: int, other: str) -> None:
    changed = CODE[:position] + other + CODE[position + 1 :]
    if changed != CODE:
        assert verify(changed, SIGNER.public_keys) is None


def test_the_last_character_of_a_code_cannot_be_changed() -> None:
    letters = string.ascii_letters + string.digits + "-_"
    spellings = {CODE[:-1] + letter for letter in letters}
    assert [c for c in spellings if verify(c, SIGNER.public_keys)] == [CODE]


def test_letters_outside_ascii_are_no_signature() -> None:
    assert verify(CODE[:-1] + "é", SIGNER.public_keys) is None


@given(CLAIMS)
def test_one_tickets_signature_is_worth_nothing_on_another(claim: TicketClaim) -> None:
    borrowed = claim.text + CODE[CODE.index("|VALID:") :]
    assert (verify(borrowed, SIGNER.public_keys) is None) == (claim != CLAIM)


@given(st.text(max_size=300))
def test_other_texts_are_no_codes(text: str) -> None:
    assert verify(text, SIGNER.public_keys) is None


@pytest.mark.parametrize(
    "changed",
    [
        CODE + "\n",
        " " + CODE,
        CODE.lower(),
        CODE.replace("|VALID:k1.", "|VALID:k2."),
        CODE.replace("|VALID:k1.", "|VALID:."),
        CODE.replace("TICKET:", "TICKET:|TICKET:"),
        CODE[:-1],
        CODE + "A",
        CODE + "=",
        "",
    ],
)
def test_a_code_is_all_of_it_and_nothing_more(changed: str) -> None:
    assert verify(changed, SIGNER.public_keys) is None


def test_a_code_needs_the_key_that_signed_it() -> None:
    other = TicketSigner("k1", Ed25519PrivateKey.generate())
    assert verify(CODE, other.public_keys) is None
    assert verify(CODE, {}) is None


def test_an_old_key_is_still_good_beside_a_new_one() -> None:
    new = TicketSigner("k2", Ed25519PrivateKey.generate())
    both = {**SIGNER.public_keys, **new.public_keys}
    assert verify(CODE, both) == CLAIM
    assert verify(new.sign(CLAIM), both) == CLAIM


@pytest.mark.parametrize("value", ["", "A|ORDER:B", "A B", "Ä", "A\n", "A" * 41, "A_B"])
def test_a_field_that_could_be_misread_is_never_signed(value: str) -> None:
    for claim in (
        TicketClaim(value, "ORD", "EVT"),
        TicketClaim("SER", value, "EVT"),
        TicketClaim("SER", "ORD", value),
    ):
        with pytest.raises(ValueError, match="does not fit"):
            SIGNER.sign(claim)


def test_a_signer_is_built_from_its_setting() -> None:
    text = "k1:" + base64.b64encode(bytes(32)).decode()
    assert TicketSigner.from_text(text).sign(CLAIM) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        "k1:",
        "k1:%%%%",
        "k1:" + base64.b64encode(bytes(31)).decode(),
        "k1:" + base64.b64encode(bytes(33)).decode(),
        "K1:" + base64.b64encode(bytes(32)).decode(),
        "ninechars:" + base64.b64encode(bytes(32)).decode(),
        ":" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_a_setting_that_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="key") as refusal:
        TicketSigner.from_text(text)
    assert text[3:] == "" or text[3:] not in str(refusal.value)
