"""A warning says that bookings are made without asking the gateway: spec 4.4."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from payments import checks


def test_nothing_is_said_while_the_gateway_is_asked(settings: Any) -> None:
    settings.CONFIRM_WITH_GATEWAY = True

    assert checks.confirmation() == []


def test_w001_says_what_is_given_up(settings: Any) -> None:
    settings.CONFIRM_WITH_GATEWAY = False

    [warning] = checks.confirmation()

    assert (warning.id, warning.msg) == ("payments.W001", checks.UNCONFIRMED)
    with pytest.raises(CommandError, match=r"payments\.W001"):
        call_command("check", fail_level="WARNING", stdout=StringIO(), stderr=StringIO())
