"""Merchants' requests with a database login of their own, as DATABASE_MERCHANT_URL gives them."""

import pytest
from django.conf import settings
from django.db import connection

from apikeys.tenants import logins, wall


def log_merchants_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the login, if it is not there, and let requests use it until the test ends."""
    who = {"USER": "test_merchant", "PASSWORD": "only-in-tests"}
    with connection.cursor() as cursor:
        logins.make_login(cursor, who["USER"], who["PASSWORD"], group=wall.ROLE)
    where = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    monkeypatch.setattr(settings, "MERCHANT_LOGIN", who | where)
