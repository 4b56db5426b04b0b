"""A caller is a key that was accepted, or else an address and a part of the site."""

import pytest
from pytest_django import Settings

from paytrust.web import callers
from paytrust.web.callers import Callers

KEY = [("HOST", "pay.example.com"), ("X-API-KEY", "a" * 64)]


def test_a_key_is_a_caller_once_it_was_accepted() -> None:
    known = Callers()
    before = known.name_of(KEY, "192.0.2.1", "/invoices")
    known.answered(KEY, 200)

    assert known.name_of(KEY, "192.0.2.1", "/invoices") != before
    assert known.name_of(KEY, "192.0.2.1", "/invoices") == known.name_of(KEY, "192.0.2.9", "/x")
    assert "a" * 8 not in known.name_of(KEY, "192.0.2.1", "/invoices")


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_who_invents_a_key_for_each_request_is_one_caller(status: int) -> None:
    known, names = Callers(), set[str]()
    for number in range(5):
        headers = [("X-API-KEY", f"{number:064}")]
        known.answered(headers, status)
        names.add(known.name_of(headers, "192.0.2.1", "/invoices"))

    assert len(names) == 1


def test_an_address_is_divided_by_what_it_asks_for() -> None:
    known = Callers()

    assert (
        len(
            {
                known.name_of([], "192.0.2.1", "/admin/login/"),
                known.name_of([], "192.0.2.1", "/webhooks/xendit"),
                known.name_of([], "192.0.2.2", "/webhooks/xendit"),
            }
        )
        == 3
    )
    assert known.name_of([], "192.0.2.1", "/admin/") == known.name_of([], "192.0.2.1", "/admin/x")
    assert known.name_of([], "2001:db8::1", "/") == known.name_of([], "2001:db8::2", "/")


def test_an_address_is_that_behind_our_proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    known = Callers()
    forwarded = [("X-FORWARDED-FOR", "203.0.113.5, 192.0.2.7")]

    assert known.name_of(forwarded, "10.0.0.1", "/") == known.name_of([], "192.0.2.7", "/")


def test_a_socket_without_an_address_is_a_caller() -> None:
    assert Callers().name_of([], "", "") == Callers().name_of([], "", "")


def test_drops_the_keys_that_were_not_seen_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "MOST_KEYS", 2)
    known = Callers()
    for key in ("a", "b", "a", "c"):
        known.answered([("X-API-KEY", key)], 200)

    names = {key: known.name_of([("X-API-KEY", key)], "192.0.2.1", "/") for key in "abc"}

    assert names["a"].startswith("key ")
    assert not names["b"].startswith("key ")
    assert names["c"].startswith("key ")
