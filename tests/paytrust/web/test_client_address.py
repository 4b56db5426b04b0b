import pytest
from django.test import RequestFactory
from pytest_django import Settings

from paytrust.web.client_address import client_address_of, network_of


class TestClientAddressOf:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "expected"),
        [
            (0, None, "10.0.0.1"),
            (0, "192.0.2.7", "10.0.0.1"),  # anybody can write that
            (1, "192.0.2.7", "192.0.2.7"),
            (1, "198.51.100.66, 192.0.2.7", "192.0.2.7"),
            (2, "198.51.100.66, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
            (2, "192.0.2.7", "10.0.0.1"),  # it came past one of the two proxies
            (1, None, "10.0.0.1"),
            (1, "unknown", "10.0.0.1"),
            (1, "192.0.2.7:4711", "192.0.2.7"),
            (1, "[2001:db8::7]:4711", "2001:db8::7"),
            (1, "2001:DB8:0::7", "2001:db8::7"),
            (1, "::ffff:192.0.2.7", "192.0.2.7"),
            (1, "fe80::1%eth0", "fe80::1"),
            (1, " " * 200 + "192.0.2.7", "192.0.2.7"),
            (1, "fe80::1%" + "x" * 200, "10.0.0.1"),
        ],
    )
    def test_counts_trusted_proxies_from_the_right(
        self, settings: Settings, proxies: int, forwarded: str | None, expected: str
    ) -> None:
        settings.TRUSTED_PROXIES = proxies
        headers = {} if forwarded is None else {"x-forwarded-for": forwarded}

        request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="10.0.0.1")

        assert client_address_of(request) == expected

    def test_is_none_on_a_unix_socket(self) -> None:
        assert client_address_of(RequestFactory().get("/", REMOTE_ADDR="")) is None


def test_network_of_is_what_one_caller_holds() -> None:
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
