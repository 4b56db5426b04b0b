"""Telephone numbers as gateways take them: E.164, such as +6281234567890."""

import re

HOME = {"IDR": "62", "MYR": "60"}
"""The country code that a leading 0 stands for, by the invoice's currency (spec 2.9)."""

SEPARATORS = re.compile(r"[\s.()\[\]\-\u2010-\u2015]+")
NATIONAL = {"62": re.compile(r"[1-9][0-9]{7,11}"), "60": re.compile(r"[1-9][0-9]{7,9}")}
E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)


def e164(written: str | None, *, currency: str) -> str | None:
    """Return a number as E.164 from the usual ways to write it; None if that is not possible.

    Blanks, dots, dashes and brackets are dropped. A leading 0 is the home country of the
    currency, 00 is +, and 62 or the home country may lack its +.

    Source: spec 2.9.
    """
    number = SEPARATORS.sub("", written or "")
    home = HOME.get(currency)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    elif number.startswith("0"):
        number = f"+{home}{number[1:]}" if home else ""
    elif number.startswith(("62", home or "62")):
        number = f"+{number}"
    if not E164.fullmatch(number):
        return None
    country, national = number[1:3], number[3:]
    if country not in NATIONAL:
        return number
    national = national.removeprefix("0")  # +62 (0)21 555 1234
    return f"+{country}{national}" if NATIONAL[country].fullmatch(national) else None
