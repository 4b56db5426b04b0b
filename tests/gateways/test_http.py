import gzip
import threading
import time
from decimal import Decimal

import pytest
import structlog

from gateways import http
from gateways.adapter import GatewayBusy, GatewayTimeout, GatewayUnavailable
from gateways.http import GatewaySession
from tests.gateways.playback import Playback

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def session() -> GatewaySession:
    return GatewaySession(gateway="xendit", user="xnd_development_TESTKEY")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a fraction of a second where the gateway gets ten."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)
    monkeypatch.setattr(http, "LONGEST_SECONDS", 0.5)


class TestSend:
    def test_presents_the_key_and_writes_exact_numbers(
        self, gateway: Playback, session: GatewaySession
    ) -> None:
        gateway.will_answer({"ok": True})

        session.send(
            "POST",
            f"{gateway.url}/v2/invoices",
            endpoint="create",
            json={"amount": Decimal("120.55")},
        )

        asked = gateway.asked[0]
        assert asked.user == "xnd_development_TESTKEY:"
        assert asked.body == b'{"amount":120.55}'
        assert asked.headers["Content-Type"] == "application/json"
        assert asked.headers["Accept"] == "application/json"
        assert asked.headers["User-Agent"] == "PayTrust"

    def test_reads_fractions_as_decimals(self, gateway: Playback, session: GatewaySession) -> None:
        gateway.will_answer('{"amount": 120.10, "whole": 150000}')

        answer = session.send("GET", gateway.url, endpoint="get")

        assert answer.body == {"amount": Decimal("120.10"), "whole": 150_000}
        assert isinstance(answer.body["amount"], Decimal)
        assert isinstance(answer.body["whole"], int)

    @pytest.mark.parametrize("status", [200, 201, 400, 401, 404, 422])
    def test_hands_over_answers_and_refusals(
        self, gateway: Playback, session: GatewaySession, status: int
    ) -> None:
        gateway.will_answer({"word": 1}, status=status)

        answer = session.send("GET", gateway.url, endpoint="get")

        assert (answer.status, answer.fields) == (status, {"word": 1})

    def test_reads_a_compressed_body(self, gateway: Playback, session: GatewaySession) -> None:
        packed = gzip.compress(b'{"a": 1}')
        gateway.will_answer(packed, headers={"Content-Encoding": "gzip"})

        assert session.send("GET", gateway.url, endpoint="get").body == {"a": 1}
        assert gateway.asked[0].headers["Accept-Encoding"] == "gzip, deflate"

    def test_writes_a_query_with_several_values_of_a_name(
        self, gateway: Playback, session: GatewaySession
    ) -> None:
        gateway.will_answer({})

        session.send(
            "GET", f"{gateway.url}/v2", endpoint="list", params={"a": "x y", "b": ("1", "2")}
        )

        assert gateway.calls == ["GET /v2?a=x+y&b=1&b=2"]

    def test_reads_a_chunked_body(self, gateway: Playback, session: GatewaySession) -> None:
        pieces = (CHUNKED, b'5\r\n{"a":\r\n', b"2\r\n1}\r\n", b"0\r\n\r\n")
        gateway.will_trickle(*pieces, every_seconds=0.01)

        assert session.send("GET", gateway.url, endpoint="get").body == {"a": 1}

    def test_keeps_its_connection(self, gateway: Playback, session: GatewaySession) -> None:
        for _ in range(3):
            gateway.will_answer({})

            session.send("GET", gateway.url, endpoint="get")

        assert (len(gateway.asked), gateway.connections) == (3, 1)

    def test_keeps_no_cookies(self, gateway: Playback, session: GatewaySession) -> None:
        for _ in range(2):
            gateway.will_answer({}, headers={"Set-Cookie": "incap_ses=1; Path=/"})

            session.send("GET", gateway.url, endpoint="get")

        assert "Cookie" not in gateway.asked[1].headers

    def test_ignores_the_machines_proxies(
        self, gateway: Playback, session: GatewaySession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        gateway.will_answer({})

        session.send("GET", gateway.url, endpoint="get")

        assert gateway.calls == ["GET /"]

    def test_serves_many_threads(self, gateway: Playback, session: GatewaySession) -> None:
        for number in range(40):
            gateway.will_answer({"number": number})
        numbers: list[int] = []

        def ask() -> None:
            numbers.append(session.send("GET", gateway.url, endpoint="get").body["number"])

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(numbers) == list(range(40))

    def test_logs_the_call_without_its_secrets(
        self, gateway: Playback, session: GatewaySession
    ) -> None:
        gateway.will_answer({}, headers={"Request-Id": "2058046740276122001"})

        with structlog.testing.capture_logs() as logs:
            session.send(
                "POST",
                f"{gateway.url}/v2/invoices",
                endpoint="create",
                json={"email": "siti@example.test"},
            )

        assert logs[0].pop("ms") >= 0
        assert logs == [
            {
                "event": "gateway call",
                "log_level": "info",
                "gateway": "xendit",
                "method": "POST",
                "path": "/v2/invoices",
                "http_status": 200,
                "gateway_request_id": "2058046740276122001",
            }
        ]


class TestFailures:
    def test_waits_three_seconds_for_a_connection_and_ten_for_an_answer(self) -> None:
        assert (http.CONNECT_SECONDS, http.READ_SECONDS) == (3, 10)

    def test_a_refused_connection_made_nothing(self, session: GatewaySession) -> None:
        with pytest.raises(GatewayUnavailable) as caught:
            session.send("POST", "http://127.0.0.1:9/v2/invoices", endpoint="create", json={})

        assert caught.value.details == {
            "gateway": "xendit",
            "reason": "no connection; nothing was made",
        }

    def test_no_answer_is_a_timeout(
        self, gateway: Playback, session: GatewaySession, impatient: None
    ) -> None:
        gateway.will_trickle(b"", every_seconds=2)
        started = time.monotonic()

        with pytest.raises(GatewayTimeout, match="the outcome is unknown"):
            session.send("POST", gateway.url, endpoint="create", json={})

        assert time.monotonic() - started < 2
        assert len(gateway.asked) == 1

    def test_silence_half_way_is_a_timeout(
        self, gateway: Playback, session: GatewaySession, impatient: None
    ) -> None:
        gateway.will_trickle(CHUNKED, b'5\r\n{"a":\r\n', every_seconds=0.6)

        with pytest.raises(GatewayTimeout, match="the outcome is unknown"):
            session.send("POST", gateway.url, endpoint="create", json={})

    def test_a_trickle_is_cut_off(
        self, gateway: Playback, session: GatewaySession, impatient: None
    ) -> None:
        gateway.will_trickle(CHUNKED, *[b"1\r\n \r\n"] * 30, every_seconds=0.1)
        started = time.monotonic()

        with pytest.raises(GatewayTimeout, match="no whole answer"):
            session.send("POST", gateway.url, endpoint="create", json={})

        assert time.monotonic() - started < 2.5  # of the three that it trickles

    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
    def test_a_broken_connection_leaves_the_outcome_open(
        self, gateway: Playback, session: GatewaySession, sent: bytes
    ) -> None:
        gateway.will_reset(after=sent)

        with pytest.raises(GatewayUnavailable, match="the outcome is unknown"):
            session.send("POST", gateway.url, endpoint="create", json={})

        assert len(gateway.asked) == 1

    @pytest.mark.parametrize("status", [202, 301, 302, 307, 500, 502, 503, 504])
    def test_troubles_and_redirects_are_not_answers(
        self, gateway: Playback, session: GatewaySession, status: int
    ) -> None:
        gateway.will_answer({}, status=status, headers={"Location": f"{gateway.url}/elsewhere"})

        with pytest.raises(GatewayUnavailable, match=f"it answered HTTP {status}; the outcome"):
            session.send("POST", f"{gateway.url}/here", endpoint="create", json={})

        assert gateway.calls == ["POST /here"]

    def test_too_many_requests_says_when_again(
        self, gateway: Playback, session: GatewaySession
    ) -> None:
        gateway.will_play("xendit/08_error_rate_limit_429")

        with pytest.raises(GatewayBusy, match=r"again in 41\.5 s"):
            session.send("GET", gateway.url, endpoint="get")

    @pytest.mark.parametrize("body", ["<html>Imperva</html>", "", b"\xff", "[" * 50_000])
    def test_anything_but_json_is_no_answer(
        self, gateway: Playback, session: GatewaySession, body: str | bytes
    ) -> None:
        gateway.will_answer(body)

        with pytest.raises(GatewayUnavailable, match="HTTP 200 without JSON"):
            session.send("GET", gateway.url, endpoint="get")

    def test_an_endless_answer_is_cut_off(
        self, gateway: Playback, session: GatewaySession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "LONGEST_BODY", 1000)
        gateway.will_answer(" " * 5000)

        with pytest.raises(GatewayUnavailable, match="too long"):
            session.send("GET", gateway.url, endpoint="get")


class TestReadText:
    @pytest.mark.parametrize("value", [None, 5, "", "a\x00b", "x" * 256, ["a"]])
    def test_refuses_what_cannot_be_stored(self, value: object) -> None:
        with pytest.raises(ValueError, match="external_id cannot be read"):
            http.read_text({"external_id": value}, "external_id")

    def test_refuses_what_is_missing(self) -> None:
        with pytest.raises(KeyError, match="external_id"):
            http.read_text({}, "external_id")
