"""The page of the merchant's accounts: connected, tested, disconnected; no secret is on it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.factories import Factories, everything, fresh
from tests.fakes.serving import served
from tests.fakes.stripe import FakeStripe
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of, send, sign_in, user_of
from webapp.core import clock
from webapp.core.states import AccountState
from webapp.domain.payments import account_changes, accounts, credentials
from webapp.models import ProviderAccount
from webapp.providers import http

KEY = "sk_test_of-the-fake"


@pytest.fixture
def stripe(configure: Configure) -> Iterator[FakeStripe]:
    fake = FakeStripe(api_key=KEY)
    with served(fake) as fake.url:
        configure(stripe_url=fake.url)
        yield fake
        fake.close()
    http.close()


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    return desk_of(rows, make)


@pytest.fixture
def staff(rows: Flask, make: Factories) -> Pages:
    pages = Pages(rows)
    assert sign_in(pages, user_of(make.shop, role="staff").email).status_code == 303
    return pages


def stripes() -> list[ProviderAccount]:
    return [one for one in everything(ProviderAccount) if one.provider == "stripe"]


def connect(desk: Pages, **fields: str) -> int:
    answer = desk.post("/desk/account/connect/stripe", **{"api_key": KEY, **fields})
    return answer.status_code


def test_the_page_is_reached_from_every_page_of_the_desk(desk: Pages) -> None:
    links = soup(desk.get("/desk/links")).select("nav.main a")
    assert [link["href"] for link in links] == ["/desk/links", "/desk/account", "/desk/keys"]
    here = soup(desk.get("/desk/account")).select("nav.main a[aria-current]")
    assert [link["href"] for link in here] == ["/desk/account"]


def test_a_merchant_without_an_account_is_told_what_to_do(desk: Pages, make: Factories) -> None:
    account_changes.disconnect(accounts.active(make.shop), actor="test")
    assert soup(desk.get("/desk/links/new")).select_one('main a[href="/desk/account"]')
    make.change(accounts.of_merchant(make.shop)[0], merchant_id=make.merchant().id)
    said = words(desk.get("/desk/account"))
    assert "No account is connected yet" in said
    assert "Connect an account" in said


def test_an_account_is_connected_and_its_key_is_on_no_page(desk: Pages, stripe: FakeStripe) -> None:
    with capture_logs() as logs:
        assert connect(desk, notice_secret="whsec_1") == 303
    (account,) = stripes()
    assert (account.external_account, account.state) == ("acct_1Own", AccountState.ACTIVE)
    assert credentials.unseal(account.credentials) == {"api_key": KEY, "notice_secret": "whsec_1"}
    shown = [
        desk.get("/desk/account"),
        desk.get(f"/desk/account/{account.id}/replace"),
        desk.get(f"/desk/account/{account.id}/disconnect"),
        desk.get("/desk/links"),
    ]
    for page in shown:
        text = page.get_data(as_text=True)
        assert page.status_code == 200
        assert KEY not in text
        assert "whsec_1" not in text
        assert "the-fake" not in text
    assert accounts.notice_url(account) in shown[0].get_data(as_text=True)
    assert "acct_1Own" in words(shown[0])
    assert KEY not in str(logs)
    assert {log["actor"][:5] for log in logs if log["event"] == "account_connected"} == {"user:"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"api_key": "sk_test_wrong-one"}, "Was refused by Stripe: the key is not accepted"),
        ({"api_key": "pk_test_1"}, "Must begin with sk_live_"),
        ({"api_key": ""}, "Is needed"),
        ({"api_key": "sk_test_a b"}, "Is no key"),
    ],
)
def test_a_wrong_key_is_said_at_its_field_and_not_repeated(
    desk: Pages, stripe: FakeStripe, fields: dict[str, str], says: str
) -> None:
    answer = desk.post("/desk/account/connect/stripe", **fields)
    assert answer.status_code == 422
    error = soup(answer).select_one("#api_key-error")
    assert error is not None
    assert says in error.get_text()
    box = soup(answer).select_one("#api_key")
    assert box is not None
    assert not box.get("value")
    assert not fields["api_key"] or fields["api_key"] not in answer.get_data(as_text=True)
    assert stripes() == []


def test_a_provider_that_cannot_be_asked_can_be_overruled(desk: Pages, stripe: FakeStripe) -> None:
    stripe.misbehave("own_account", "unavailable")
    fields = {"api_key": KEY, "connected_account": "acct_1Own"}
    answer = desk.post("/desk/account/connect/stripe", **fields)
    assert answer.status_code == 502
    assert "nothing was stored" in words(answer)
    assert soup(answer).select_one("input[name=unchecked]")
    assert stripes() == []
    assert send(desk, "/desk/account/connect/stripe", **fields, unchecked="y").status_code == 303
    assert len(stripes()) == 1


@pytest.mark.parametrize("provider", ["sumup", "paystack", "stripe", "billing", "sandbox"])
def test_every_provider_has_its_form_with_a_hint_at_every_field(desk: Pages, provider: str) -> None:
    page = soup(desk.get(f"/desk/account/connect/{provider}"))
    boxes = page.select("input:not([type=hidden])")
    assert len(boxes) == len(page.select(".hint"))
    assert bool(boxes) is (provider != "sandbox")
    assert all(box["type"] == "password" for box in boxes if "secret" in str(box["name"]))
    assert all(box["type"] == "password" for box in boxes if box["name"] == "api_key")


@pytest.mark.parametrize("provider", ["paypal", "SUMUP", "sumup2"])
def test_there_is_no_form_of_a_provider_that_is_not_there(desk: Pages, provider: str) -> None:
    assert desk.get(f"/desk/account/connect/{provider}").status_code == 404
    assert send(desk, f"/desk/account/connect/{provider}").status_code == 404


def test_the_sandbox_is_there_only_where_it_is_switched_on(
    desk: Pages, make: Factories, configure: Configure
) -> None:
    assert send(desk, "/desk/account/connect/sandbox").status_code == 303
    assert len(everything(ProviderAccount)) == 1, "the same account"
    configure(sandbox_enabled=False)
    assert "connect/sandbox" not in desk.get("/desk/account").get_data(as_text=True)
    assert desk.get("/desk/account/connect/sandbox").status_code == 404
    number = accounts.active(make.shop).id
    assert desk.get(f"/desk/account/{number}/replace").status_code == 404


def test_a_key_is_replaced_and_what_is_left_empty_stays(desk: Pages, stripe: FakeStripe) -> None:
    connect(desk)
    (account,) = stripes()
    path = f"/desk/account/{account.id}/replace"
    assert desk.post(path, notice_secret="whsec_2").status_code == 303
    assert credentials.unseal(fresh(account).credentials)["api_key"] == KEY
    wrong = desk.post(path, api_key="sk_test_wrong-one")
    assert wrong.status_code == 422
    assert "wrong-one" not in wrong.get_data(as_text=True)
    nothing = desk.post(path)
    assert "nothing was entered" in words(nothing)
    live = desk.post(path, api_key="sk_live_1")
    assert "for real money" in words(live)
    assert credentials.unseal(fresh(account).credentials) == {
        "api_key": KEY,
        "notice_secret": "whsec_2",
    }


def test_a_test_of_the_connection_says_in_words_what_came_of_it(
    desk: Pages, staff: Pages, stripe: FakeStripe
) -> None:
    connect(desk)
    path = f"/desk/account/{stripes()[0].id}/test"
    assert "The connection works" in words(send(staff, path))
    stripe.misbehave("own_account", "lost")
    assert "Nobody knows at the moment" in words(send(desk, path))
    stripe.api_key = "sk_test_changed"
    assert "The connection does not work" in words(send(desk, path))
    assert fresh(stripes()[0]).state is AccountState.ACTIVE


def test_a_connection_is_not_tested_over_and_over(
    desk: Pages, staff: Pages, stripe: FakeStripe
) -> None:
    connect(desk)
    path = f"/desk/account/{stripes()[0].id}/test"
    assert {send(staff, path).status_code for _ in range(10)} == {200}
    answer = send(staff, path)
    assert answer.status_code == 429
    assert "It was asked often just now. Wait" in words(answer)


def test_an_account_is_disconnected_after_a_question_and_connected_again(
    desk: Pages, make: Factories
) -> None:
    account = accounts.active(make.shop)
    ask = f"/desk/account/{account.id}/disconnect"
    assert "Disconnect Sandbox bank?" in words(desk.get(ask))
    assert fresh(account).state is AccountState.ACTIVE
    assert desk.post(ask).status_code == 303
    assert fresh(account).state is AccountState.DISCONNECTING
    assert "Being disconnected" in words(desk.get("/desk/account"))
    assert desk.get(ask).status_code == 303
    assert send(desk, f"/desk/account/{account.id}/reconnect").status_code == 303
    assert fresh(account).state is AccountState.ACTIVE


def test_new_links_are_paid_to_the_account_that_was_chosen(
    desk: Pages, make: Factories, stripe: FakeStripe
) -> None:
    first = accounts.active(make.shop)
    connect(desk)
    (second,) = stripes()
    assert accounts.active(make.shop) == first
    actions = [str(form["action"]) for form in soup(desk.get("/desk/account")).select("main form")]
    assert f"/desk/account/{first.id}/choose" not in actions
    assert f"/desk/account/{second.id}/choose" in actions
    assert send(desk, f"/desk/account/{second.id}/choose").status_code == 303
    assert accounts.active(make.shop) == second
    send(desk, f"/desk/account/{first.id}/choose")
    assert accounts.active(make.shop) == first
    account_changes.disconnect(first, actor="test")
    assert accounts.active(make.shop) == second
    assert send(desk, f"/desk/account/{first.id}/choose").status_code == 409
    assert accounts.active(make.shop) == second


def test_staff_see_the_accounts_and_change_none(staff: Pages, make: Factories) -> None:
    account = accounts.active(make.shop)
    page = staff.get("/desk/account")
    assert "Only owners can change accounts" in words(page)
    assert accounts.notice_url(account) not in page.get_data(as_text=True)
    actions = [str(form["action"]) for form in soup(page).select("main form")]
    assert actions == [f"/desk/account/{account.id}/test"]
    for path in ("connect/stripe", f"{account.id}/replace", f"{account.id}/disconnect",
                 "sumup/callback", "sumup/choose"):  # fmt: skip
        assert staff.get(f"/desk/account/{path}").status_code == 403, path
    for path in ("connect/stripe", f"{account.id}/replace", f"{account.id}/disconnect",
                 f"{account.id}/reconnect", f"{account.id}/choose",
                 "sumup/authorise", "sumup/choose"):  # fmt: skip
        assert send(staff, f"/desk/account/{path}").status_code == 403, path
    assert fresh(account).state is AccountState.ACTIVE


def test_another_merchants_account_is_not_there(
    rows: Flask, make: Factories, stripe: FakeStripe
) -> None:
    account = accounts.active(make.shop)
    stranger = desk_of(rows, make, make.merchant())
    before = account.credentials
    assert account.external_account not in words(stranger.get("/desk/account"))
    for number in (str(account.id), "0", "-1", "x", "9" * 30):
        for act in ("replace", "disconnect"):
            assert stranger.get(f"/desk/account/{number}/{act}").status_code == 404
        for act in ("replace", "disconnect", "reconnect", "choose", "test"):
            answer = send(stranger, f"/desk/account/{number}/{act}", api_key=KEY)
            assert answer.status_code == 404, act
    assert (fresh(account).state, account.credentials) == (AccountState.ACTIVE, before)


def test_the_page_says_how_each_account_stands(desk: Pages, make: Factories) -> None:
    bank = accounts.active(make.shop)
    account_changes.add(make.shop, "billing", {}, is_checked=False, may_borrow=True, actor="test")
    make.change(
        bank,
        failing_since=clock.now() - timedelta(hours=1),
        rests_until=clock.now() + timedelta(minutes=4),
        last_failure="timed out",
        consent_lost_at=clock.now(),
    )
    said = words(desk.get("/desk/account"))
    assert "Not answering Since" in said
    assert ": timed out. Next try" in said
    assert "SumUp needs your consent again" in said
    assert "Not configured There is no key" in said
    assert said.count("Are paid to this account") == 1
    assert "Pretend money, for tests" in said
    assert "Real money" in said
    make.change(bank, credentials=b"of a key that is lost")
    assert "The stored key cannot be read any more" in words(desk.get("/desk/account"))
