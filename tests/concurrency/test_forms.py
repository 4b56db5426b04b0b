"""One form of the back office is sent twice at the same moment, by a double click."""

from collections import Counter
from http import HTTPStatus
from threading import Barrier
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apikeys.models import ApiKey, StaffAct
from paytrust.staff import roles
from tests.apikeys.factories import api_key
from tests.concurrency.threads import at_once
from tests.staff import member

pytestmark = pytest.mark.usefixtures("committed")
ROUNDS = 3


@pytest.fixture
def _unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both read the session before either writes it."""
    have_read, decoded = Barrier(2), Session.get_decoded

    def read(session: Session) -> dict[str, Any]:
        values: dict[str, Any] = decoded(session)
        have_read.wait(timeout=10)
        return values

    monkeypatch.setattr(Session.objects, "select_for_update", Session.objects.all)
    monkeypatch.setattr(Session, "get_decoded", read)


def rotate_twice(row: ApiKey) -> Counter[object]:
    """Send one form from two tabs of one session; return how often each status came."""
    client = Client()
    client.force_login(member(roles.ADMINISTRATOR))
    page = f"/admin/apikeys/apikey/{row.pk}/rotate/"
    filled = {"reason": "leaked", "once": client.get(page).context["once"]}
    tabs = [Client(), Client()]
    for tab in tabs:
        tab.cookies.load(client.cookies.output(header=""))
    return Counter(at_once(*(lambda tab=tab: tab.post(page, filled).status_code for tab in tabs)))


class TestRotation:
    def test_is_done_once(self) -> None:
        for _ in range(ROUNDS):
            row, _key = api_key()

            assert rotate_twice(row) == {HTTPStatus.OK: 1, HTTPStatus.FOUND: 1}
            assert StaffAct.objects.filter(act="key_rotated", object_id=row.pk).count() == 1

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_both_rotate(self) -> None:
        row, _key = api_key()

        assert rotate_twice(row) == {HTTPStatus.OK: 2}
        assert StaffAct.objects.filter(act="key_rotated", object_id=row.pk).count() == 2
