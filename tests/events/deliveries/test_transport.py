import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from events.deliveries import addresses, transport
from events.deliveries.addresses import Rules
from events.deliveries.transport import Answer
from tests.events.receivers import Shop, shop

LOCAL = Rules(own_hosts=(), loopback_over_http=True)
OPEN = Rules(own_hosts=())


@pytest.fixture
def receiver() -> Iterator[Shop]:
    with shop() as opened:
        yield opened


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.6)


def post(url: str, rules: Rules = LOCAL, **given: Any) -> Answer:
    return transport.post(
        url=url, headers={"webhook-id": "evt_1"}, body=b"{}", rules=rules, **given
    )


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestPost:
    def test_sends_the_body_and_reads_the_answer(self, receiver: Shop) -> None:
        answer = post(f"{receiver.url}?a=b")

        [came] = receiver.received
        assert (answer.status, answer.error, answer.body) == (200, None, b"thank you")
        assert (came.path, came.body, came.headers["webhook-id"]) == ("/hook?a=b", b"{}", "evt_1")
        assert came.headers["host"] == receiver.url.split("/")[2]
        assert came.headers.keys() == {"host", "content-length", "connection", "webhook-id"}

    def test_keeps_the_first_kibibyte_of_an_answer(self, receiver: Shop) -> None:
        receiver.answer = b"x" * 5000

        assert post(receiver.url).body == b"x" * 1024

    def test_follows_no_redirect(self, receiver: Shop) -> None:
        with shop() as elsewhere:
            receiver.status, receiver.headers = 302, {"Location": elsewhere.url}

            answer = post(receiver.url)

            assert (answer.status, elsewhere.received) == (302, [])

    def test_takes_no_proxy_from_the_environment(
        self, receiver: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{refused_port()}")

        assert post(receiver.url).status == 200

    def test_tells_that_nobody_listens(self) -> None:
        answer = post(f"http://127.0.0.1:{refused_port()}/")

        assert (answer.status, answer.error) == (None, "no connection: Connection refused")

    def test_tells_that_the_answer_is_no_http(self, receiver: Shop) -> None:
        receiver.speak = lambda file: file.write(b"SSH-2.0-OpenSSH_9.2\r\n")

        answer = post(receiver.url)

        assert (answer.status, answer.error) == (None, "the answer is no HTTP: BadStatusLine")

    def test_tells_that_there_was_no_answer(self, receiver: Shop) -> None:
        receiver.speak = lambda file: None

        assert post(receiver.url).error == "the connection was closed without an answer"

    def test_takes_an_answer_that_breaks_off_after_its_status(self, receiver: Shop) -> None:
        receiver.speak = lambda file: file.write(b"HTTP/1.1 204 OK\r\nContent-Length: 9\r\n\r\n")

        assert post(receiver.url).status == 204

    @pytest.mark.usefixtures("short_times")
    def test_ends_a_silent_receiver(self, receiver: Shop) -> None:
        receiver.delay = 2

        answer = post(receiver.url)

        assert (answer.status, "no whole answer within" in (answer.error or "")) == (None, True)
        assert 600 <= answer.duration_ms < 1200

    @pytest.mark.usefixtures("short_times")
    @pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
    def test_ends_a_receiver_that_trickles(self, receiver: Shop, start: bytes) -> None:
        def trickle(file: Any) -> None:
            file.write(start)
            with suppress(OSError):
                for _ in range(40):
                    file.write(b"x")
                    file.flush()
                    time.sleep(0.05)

        receiver.speak = trickle

        answer = post(receiver.url)

        assert (answer.status, "no whole answer within" in (answer.error or "")) == (None, True)
        assert 600 <= answer.duration_ms < 1200

    @pytest.mark.usefixtures("short_times")
    def test_ends_a_look_up_that_hangs(self) -> None:
        def hang(host: str, port: int) -> list[str]:
            time.sleep(1)
            return ["8.8.8.8"]

        answer = post("https://shop.example/", OPEN, resolve=hang)

        assert "could not be looked up within" in (answer.error or "")
        assert answer.duration_ms < 600


class TestAddress:
    """What a name leads to is checked at each attempt, and nothing else is connected to."""

    @pytest.fixture
    def dialled(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
        places: list[tuple[str, int]] = []

        def dial(place: tuple[str, int], timeout: float) -> socket.socket:
            places.append(place)
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(socket, "create_connection", dial)
        return places

    def test_is_connected_to_as_it_was_checked(self, dialled: list[tuple[str, int]]) -> None:
        answers = [["8.8.8.8"], ["127.0.0.1"]]  # a name that changes between two look-ups

        post("https://shop.example/", OPEN, resolve=lambda host, port: answers.pop(0))

        assert (dialled, answers) == ([("8.8.8.8", 443)], [["127.0.0.1"]])

    def test_is_checked_anew_at_each_attempt(self, dialled: list[tuple[str, int]]) -> None:
        answers = [["8.8.8.8"], ["10.0.0.1"]]

        sent = [
            post("https://shop.example/", OPEN, resolve=lambda host, port: answers.pop(0)).error
            for _ in range(2)
        ]

        assert sent == [
            "no connection: Connection refused",
            "shop.example leads to an address where webhooks cannot go.",
        ]
        assert dialled == [("8.8.8.8", 443)]

    @pytest.mark.parametrize(
        "url", ["https://127.0.0.1/", "https://2130706433/", "https://[::ffff:7f00:1]/"]
    )
    def test_is_refused_though_it_was_stored(
        self, url: str, dialled: list[tuple[str, int]]
    ) -> None:
        assert post(url, OPEN).status is None
        assert dialled == []


class TestTLS:
    """The name is what TLS and the Host header say; the address is only where to go."""

    @pytest.fixture
    def contexts(self, tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        certificate, key = self_signed("shop.example", tmp_path)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        return server, ssl.create_default_context(cafile=str(certificate))

    @pytest.fixture
    def as_if_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            addresses, "is_open", lambda address: address == ip_address("127.0.0.1")
        )

    @pytest.mark.usefixtures("as_if_open")
    def test_speaks_to_the_name_at_the_address(
        self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        server, client = contexts
        names: list[str] = []
        server.sni_callback = lambda _socket, name, _context: names.append(name)
        with shop(tls=server) as secured:
            port = secured.url.split(":")[2].split("/")[0]

            answer = post(
                f"https://shop.example:{port}/hook",
                OPEN,
                resolve=lambda host, port: ["127.0.0.1"],
                context=client,
            )

            assert (answer.status, names) == (200, ["shop.example"])
            assert secured.received[0].headers["host"] == f"shop.example:{port}"

    @pytest.mark.usefixtures("as_if_open")
    def test_refuses_a_certificate_of_another_name(
        self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        server, client = contexts
        with shop(tls=server) as secured:
            port = secured.url.split(":")[2].split("/")[0]

            answer = post(
                f"https://other.example:{port}/hook",
                OPEN,
                resolve=lambda host, port: ["127.0.0.1"],
                context=client,
            )

            assert (answer.status, secured.received) == (None, [])
            assert (answer.error or "").startswith(
                "the certificate is not valid: Hostname mismatch"
            )


def self_signed(name: str, folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
