"""Merchants upload the files of their own accounts over HTTP."""

import base64
from typing import Any

import pytest
from django.test import Client

from gateways.models import Gateway, GatewayAccount
from invoices.models import PaymentRequest
from payments.models import SettlementImport, SettlementLine
from payments.settlement import files, uploads
from tests.apikeys.factories import api_key
from tests.payments.settlement.test_services import NOW, csv, paid

pytestmark = pytest.mark.django_db


class Caller:
    """A merchant who has an account of their own at Xendit."""

    def __init__(self) -> None:
        self.payment = paid()
        self.tenant = self.payment.tenant
        _, self._key = api_key(tenant=self.tenant)
        self.account = GatewayAccount.objects.create(
            gateway=Gateway.objects.get(code="xendit"),
            tenant=self.tenant,
            sealed_credentials="gAAAAA",
            key_name="x",
            created_at=NOW,
            updated_at=NOW,
        )
        PaymentRequest.objects.filter(tenant=self.tenant).update(account=self.account)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        call = getattr(Client(), method)
        return call(path, body, content_type="application/json", headers={"x-api-key": self._key})

    def upload(self, file: bytes, **changed: Any) -> Any:
        body = {
            "gateway_id": 1,
            "file_name": "a.csv",
            "size_bytes": len(file),
            "currency": "MYR",
        }
        return self.call("post", "/settlements/imports", body | changed)


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


class TestUploading:
    def test_takes_a_small_file_in_one_call(self) -> None:
        caller = Caller()
        content = csv(caller.payment)

        answer = caller.upload(content, content=packed(content))

        assert (answer.status_code, answer.json()["status"]) == (201, "waiting")
        uploads.run(import_id=answer.json()["id"], now=NOW)
        shown = caller.call("get", answer.headers["Location"]).json()
        assert (shown["status"], shown["line_count"], shown["problem"]) == ("done", 1, None)
        line = SettlementLine.objects.get()
        assert (line.account, line.state, line.tenant) == (
            caller.account,
            "matched",
            caller.tenant,
        )

    def test_takes_a_long_file_in_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "PIECE_BYTES", 100)
        caller = Caller()
        content = csv(caller.payment)
        opened = caller.upload(content).json()
        pieces = f"/settlements/imports/{opened['id']}/pieces"

        answers = [
            caller.call(
                "put", f"{pieces}/{number}", {"content": packed(content[at : at + 100])}
            ).json()
            for number, at in enumerate(range(0, len(content), 100))
        ]

        assert [one["status"] for one in answers] == ["uploading", "waiting"]
        again = caller.call("put", f"{pieces}/0", {"content": packed(content[:100])})
        assert (again.status_code, again.json()["error"]) == (409, "settlement_upload_ended")

    @pytest.mark.parametrize(
        ("changed", "status", "code"),
        [
            ({"content": "MQ=="}, 400, "settlement_piece_wrong"),
            ({"content": "M"}, 400, "invalid_request"),
            ({"size_bytes": 0}, 400, "invalid_request"),
            ({"gateway_id": 2}, 409, "settlement_account_missing"),
            ({"currency": "EUR"}, 400, "unsupported_currency"),
        ],
    )
    def test_refuses(self, changed: dict[str, Any], status: int, code: str) -> None:
        caller = Caller()

        answer = caller.upload(b"some file", **changed)

        assert (answer.status_code, answer.json()["error"]) == (status, code)
        assert not SettlementImport.objects.exists()

    def test_belongs_to_its_merchant(self) -> None:
        caller = Caller()
        made = caller.upload(b"some file").json()
        _, key = api_key()
        other = Client(headers={"x-api-key": key})

        assert other.get("/settlements/imports").json()["results"] == []
        assert other.get(f"/settlements/imports/{made['id']}").status_code == 404
        [shown] = caller.call("get", "/settlements/imports?status=uploading").json()["results"]
        assert shown["id"] == made["id"]
        assert caller.call("get", "/settlements/imports?status=done").json()["results"] == []


class TestWithdrawing:
    def test_takes_an_import_back_once(self) -> None:
        caller = Caller()
        content = csv(caller.payment)
        made = caller.upload(content, content=packed(content)).json()
        path = f"/settlements/imports/{made['id']}/withdraw"
        assert caller.call("post", path, {"reason": "too early"}).status_code == 409
        uploads.run(import_id=made["id"], now=NOW)

        answer = caller.call("post", path, {"reason": "wrong month"})

        assert (answer.status_code, answer.json()["withdraws_id"]) == (201, made["id"])
        assert SettlementLine.objects.get().state == "withdrawn"
        assert caller.call("post", path, {"reason": "again"}).status_code == 409
