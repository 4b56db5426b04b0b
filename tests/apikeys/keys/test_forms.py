import re

import pytest

from apikeys.keys import forms
from apikeys.keys.forms import KeyFormat


class TestPrefixedKey:
    def test_names_itself_and_bears_a_checksum(self) -> None:
        keys = {forms.new_key(KeyFormat.PREFIXED) for _ in range(100)}

        assert len(keys) == 100
        for key in keys:
            assert re.fullmatch(r"ptk_live_[0-9A-Za-z]{50}", key)
            assert forms.as_made(key) == key
            assert forms.shown_start(key) == key[:13]
            assert forms.format_of(key[:13]) == KeyFormat.PREFIXED

    def test_has_the_checksum_that_others_can_compute(self) -> None:
        # CRC-32 of "123456789" is 0xCBF43926 = 3421780262, by its specification
        digits = "3jZRME"
        number = 0
        for digit in digits:
            number = number * 62 + forms.ALPHABET.index(digit)

        assert (forms.checksum_of("123456789"), number) == (digits, 3_421_780_262)

    def test_is_malformed_once_a_character_is_another(self) -> None:
        key = forms.new_key(KeyFormat.PREFIXED)
        for place in range(len(key)):
            other = "1" if key[place] == "0" else "0"
            assert forms.as_made(key[:place] + other + key[place + 1 :]) is None

    @pytest.mark.parametrize(
        "change", [str.upper, str.swapcase, lambda key: key[:-1], "x{}".format]
    )
    def test_is_kept_as_it_is(self, change: object) -> None:
        key = forms.new_key(KeyFormat.PREFIXED)
        assert callable(change)

        assert forms.as_made(change(key)) is None


def test_a_hexadecimal_key_may_be_written_in_capitals() -> None:
    key = forms.new_key()

    assert forms.as_made(key.upper()) == key
    assert (forms.shown_start(key), forms.format_of(key[:4])) == (key[:4], KeyFormat.HEX)


@pytest.mark.parametrize(
    "text", ["", "0" * 63, "0" * 65, "g" * 64, "ptk_live_", "ptk_test_" + "0" * 50]
)
def test_anything_else_is_none(text: str) -> None:
    assert forms.as_made(text) is None
