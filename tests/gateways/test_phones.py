import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.phones import E164, e164


@pytest.mark.parametrize(
    ("written", "currency", "sent"),
    [
        ("081234567890", "IDR", "+6281234567890"),
        ("0812-3456-7890", "IDR", "+6281234567890"),
        ("0812.3456.7890", "IDR", "+6281234567890"),
        ("(021) 555 1234", "IDR", "+62215551234"),
        ("[021] 555\u20111234", "IDR", "+62215551234"),
        ("6281234567890", "IDR", "+6281234567890"),
        ("+62 (0)812 3456 7890", "IDR", "+6281234567890"),
        ("0062 812 3456 7890", "IDR", "+6281234567890"),
        ("+60 12-345 6789", "IDR", "+60123456789"),
        ("012-345 6789", "MYR", "+60123456789"),
        ("03-2345 6789", "MYR", "+60323456789"),
        ("60123456789", "MYR", "+60123456789"),
        ("6281234567890", "MYR", "+6281234567890"),
        ("6281234567890", "USD", "+6281234567890"),
        ("+1 (212) 555-0123", "USD", "+12125550123"),
        ("+65 6123 4567", "MYR", "+6561234567"),
        ("12345", "IDR", None),
        ("0812", "IDR", None),
        ("081234567890", "USD", None),  # whose home would that be?
        ("81234567890", "IDR", None),  # the same
        ("+6212", "IDR", None),
        ("+62812345678901234", "IDR", None),
        ("+620", "IDR", None),
        ("+0123456789", "IDR", None),
        ("+" + "1" * 16, "USD", None),
        ("0812/0813", "IDR", None),
        ("0812 345 678 ext 9", "IDR", None),
        ("٠٨١٢٣٤٥٦٧٨٩٠", "IDR", None),
        ("++6281234567890", "IDR", None),
        ("", "IDR", None),
        (" - ", "IDR", None),
        ("call me", "IDR", None),
        (None, "IDR", None),
    ],
)
def test_a_phone_as_people_write_it(written: str | None, currency: str, sent: str | None) -> None:
    assert e164(written, currency=currency) == sent


@given(st.text() | st.text("+0126- ()", max_size=20), st.sampled_from(["IDR", "MYR", "USD", "SGD"]))
def test_what_is_sent_is_always_valid_and_stays_as_it_is(written: str, currency: str) -> None:
    sent = e164(written, currency=currency)

    if sent is not None:
        assert E164.fullmatch(sent)
        assert e164(sent, currency=currency) == sent
