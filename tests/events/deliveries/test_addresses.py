import ipaddress

import pytest

from events.deliveries import addresses
from events.deliveries.addresses import Rules, UrlNotAllowed

PRODUCTION = Rules(own_hosts={"pay.example.com", ".paytrust.example"})
DEVELOPMENT = Rules(own_hosts={"127.0.0.1"}, own_port=8000, loopback_over_http=True)

HOSTILE_URLS = {
    "no scheme": "shop.example/hook",
    "http": "http://shop.example/hook",
    "ftp": "ftp://shop.example/hook",
    "file": "file:///etc/passwd",
    "gopher": "gopher://shop.example/",
    "no host": "https:///hook",
    "only a port": "https://:443/hook",
    "user": "https://user@shop.example/",
    "user and password": "https://user:password@shop.example/",
    "user that looks like a host": "https://shop.example@127.0.0.1/",
    "empty user": "https://@shop.example/",
    "backslash": "https://shop.example\\@127.0.0.1/",
    "space": "https://shop.example/a b",
    "line feed": "https://shop.example/\r\nX-Evil: 1",
    "tab in the host": "https://shop\t.example/",
    "fragment": "https://shop.example/#part",
    "port 0": "https://shop.example:0/",
    "port 65536": "https://shop.example:65536/",
    "port in words": "https://shop.example:https/",
    "empty port": "https://shop.example:/",
    "long": "https://shop.example/" + "x" * 2048,
    "letters beyond ASCII": "https://toko\u00e9.example/",
    "full-width digits": "https://\uff11\uff12\uff17.0.0.1/",
    "circled digits": "https://\u2460\u2461\u2466.0.0.1/",
    "ideographic full stop": "https://127\u30020\u30020\u30021/",
    "percent sign in the host": "https://127.0.0.1%2f.shop.example/",
    "empty label": "https://shop..example/",
    "dash at the beginning": "https://-shop.example/",
    "localhost": "https://localhost/",
    "localhost with a dot": "https://localhost./",
    "LOCALHOST": "https://LOCALHOST/",
    "loopback": "https://127.0.0.1/",
    "loopback elsewhere": "https://127.8.8.8/",
    "short form": "https://127.1/",
    "decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "octal that is decimal too": "https://010.0.0.1/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal part": "https://127.0.0.0x1/",
    "too large a number": "https://4294967297/",
    "five parts": "https://1.2.3.4.5/",
    "this network": "https://0.0.0.0/",
    "this network, elsewhere": "https://0.1.2.3/",
    "private 10": "https://10.0.0.1/",
    "private 172": "https://172.16.0.1/",
    "private 192": "https://192.168.1.1/",
    "carrier-grade NAT": "https://100.64.0.1/",
    "cloud metadata": "https://169.254.169.254/latest/meta-data/",
    "documentation": "https://192.0.2.1/",
    "benchmark": "https://198.18.0.1/",
    "6to4 relay": "https://192.88.99.1/",
    "multicast": "https://224.0.0.1/",
    "reserved": "https://240.0.0.1/",
    "broadcast": "https://255.255.255.255/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 unspecified": "https://[::]/",
    "IPv6 mapped": "https://[::ffff:127.0.0.1]/",
    "IPv6 mapped, open": "https://[::ffff:8.8.8.8]/",
    "IPv6 mapped, hexadecimal": "https://[::ffff:7f00:1]/",
    "IPv6 compatible": "https://[::127.0.0.1]/",
    "IPv6 translated": "https://[::ffff:0:127.0.0.1]/",
    "NAT64": "https://[64:ff9b::7f00:1]/",
    "NAT64, open": "https://[64:ff9b::808:808]/",
    "NAT64, local": "https://[64:ff9b:1::1]/",
    "6to4": "https://[2002:7f00:1::]/",
    "Teredo": "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "IPv6 unique local": "https://[fd00::1]/",
    "IPv6 link-local": "https://[fe80::1]/",
    "IPv6 link-local with a zone": "https://[fe80::1%25eth0]/",
    "IPv6 open with a zone": "https://[2606:4700::1111%25eth0]/",
    "IPv6 site-local": "https://[fec0::1]/",
    "IPv6 multicast": "https://[ff02::1]/",
    "IPv6 documentation": "https://[2001:db8::1]/",
    "IPv6 discard": "https://[100::1]/",
    "IPv6 future": "https://[v1.abc]/",
    "IPv6 without brackets": "https://2606:4700::1111/",
    "our own name": "https://pay.example.com/webhooks/xendit",
    "our own name in capitals": "https://PAY.example.com/",
    "our own name with a dot": "https://pay.example.com./",
    "our own name on another port": "https://pay.example.com:8443/",
    "a name within ours": "https://a.paytrust.example/",
}
REFUSED_ADDRESSES = [
    "0.0.0.0",  # noqa: S104
    "0.255.255.255",
    "10.255.255.255",
    "100.127.255.255",
    "127.0.0.1",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.9",
    "192.168.0.1",
    "198.19.255.255",
    "203.0.113.9",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "64:ff9b:1:ffff::1",
    "2001::1",
    "2001:db8::1",
    "2002:808:808::",
    "3fff::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff0e::1",
    "4000::1",
]
OPEN_ADDRESSES = ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700:4700::1111"]


class TestTargetOf:
    @pytest.mark.parametrize("url", HOSTILE_URLS.values(), ids=HOSTILE_URLS.keys())
    def test_refuses(self, url: str) -> None:
        with pytest.raises(UrlNotAllowed):
            addresses.target_of(url, rules=PRODUCTION)

    @pytest.mark.parametrize(
        ("url", "host", "port", "path", "authority"),
        [
            ("https://shop.example", "shop.example", 443, "/", "shop.example"),
            ("https://Shop.Example:443/a?b=c", "shop.example", 443, "/a?b=c", "shop.example"),
            ("https://shop.example:8443/", "shop.example", 8443, "/", "shop.example:8443"),
            (
                "https://xn--caf-dma.test/",
                "xn--caf-dma.test",
                443,
                "/",
                "xn--caf-dma.test",
            ),
            ("https://8.8.8.8/", "8.8.8.8", 443, "/", "8.8.8.8"),
            ("https://[2606:4700::1]:8443/", "2606:4700::1", 8443, "/", "[2606:4700::1]:8443"),
            (
                "https://notpaytrust.test/",
                "notpaytrust.test",
                443,
                "/",
                "notpaytrust.test",
            ),
        ],
    )
    def test_reads(self, url: str, host: str, port: int, path: str, authority: str) -> None:
        target = addresses.target_of(url, rules=PRODUCTION)

        assert (target.host, target.port, target.path, target.authority, target.is_tls) == (
            *(host, port, path, authority),
            True,
        )

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.3.4.5"])
    def test_takes_http_on_loopback_in_development_alone(self, host: str) -> None:
        url = f"http://{host}:9000/hook"

        assert addresses.target_of(url, rules=DEVELOPMENT).port == 9000
        with pytest.raises(UrlNotAllowed, match="must begin with https"):
            addresses.target_of(url, rules=PRODUCTION)

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:8000/",
            "http://localhost:8000/",
            "http://[::1]:8000/",
            "http://10.0.0.1/",
            "http://shop.example/",
            "https://127.0.0.1:9000/",
            "http://[::ffff:127.0.0.1]:9000/",
        ],
    )
    def test_refuses_our_own_port_and_other_hosts_in_development_too(self, url: str) -> None:
        with pytest.raises(UrlNotAllowed):
            addresses.target_of(url, rules=DEVELOPMENT)


class TestRequireOpen:
    target = addresses.target_of("https://shop.example/", rules=PRODUCTION)

    @pytest.mark.parametrize("address", REFUSED_ADDRESSES)
    def test_refuses_a_name_that_leads_to(self, address: str) -> None:
        with pytest.raises(UrlNotAllowed, match=r"shop\.example leads to an address") as refused:
            addresses.require_open([address], target=self.target)

        assert address not in str(refused.value)

    @pytest.mark.parametrize("address", OPEN_ADDRESSES)
    def test_returns(self, address: str) -> None:
        checked = addresses.require_open([address], target=self.target)

        assert checked == [ipaddress.ip_address(address)]

    def test_refuses_a_name_of_which_one_address_is_not_open(self) -> None:
        with pytest.raises(UrlNotAllowed):
            addresses.require_open(["8.8.8.8", "127.0.0.1"], target=self.target)

    def test_refuses_a_name_without_addresses(self) -> None:
        with pytest.raises(UrlNotAllowed, match="has no address"):
            addresses.require_open([], target=self.target)

    def test_admits_nothing_but_loopback_without_tls(self) -> None:
        local = addresses.target_of("http://localhost:9000/", rules=DEVELOPMENT)

        assert len(addresses.require_open(["127.0.0.1", "::1"], target=local)) == 2
        with pytest.raises(UrlNotAllowed):
            addresses.require_open(["127.0.0.1", "8.8.8.8"], target=local)
