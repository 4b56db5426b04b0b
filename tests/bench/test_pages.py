"""Each page that staff can open is measured over a million invoices."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import URLResolver, resolve

from bench import pages


class Anything(dict[str, str]):
    """Some day or row, for whatever an address names."""

    def __missing__(self, name: str) -> str:
        return "1"


def names(patterns: Iterable[Any]) -> Iterator[str]:
    """Yield the names of addresses; those without one lead to others."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def measured() -> set[str]:
    addresses = (pages.address(path, Anything()) for path in pages.pages().values())
    return {str(resolve(address.partition("?")[0]).url_name) for address in addresses}


def test_every_page_is_measured_or_left_out_for_a_reason() -> None:
    unmeasured = set(names(admin.site.urls[0])) - measured()

    assert {
        name
        for name in unmeasured
        if not any(re.fullmatch(pattern, name) for pattern in pages.LEFT_OUT)
    } == set()


@pytest.mark.parametrize("pattern", pages.LEFT_OUT)
def test_what_is_left_out_exists(pattern: str) -> None:
    assert any(re.fullmatch(pattern, name) for name in names(admin.site.urls[0]))


def test_no_address_is_unknown() -> None:
    assert None not in measured()
