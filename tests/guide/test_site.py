"""The guide as files: every link leads somewhere, and nothing is loaded from other sites."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.test import Client

from paytrust.localstack.embedded import PROJECT

PAGES = PROJECT / "docs" / "guide" / "pages"
OUTSIDE = {"www.standardwebhooks.com", "127.0.0.1"}  # where readers may be sent
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, loads, and has as anchors."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.links: list[str] = []
        self.in_navigation: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.unsafe: list[str] = []
        self._script: dict[str, str | None] | None = None
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attributes: list[Any]) -> None:
        given = dict(attributes)
        self.anchors |= {value for name, value in attributes if name in {"id", "name"}}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
            if "md-nav__link" in (given.get("class") or ""):
                self.in_navigation.append(given["href"])
        if tag in LOADS and given.get(LOADS[tag]):
            self.loads.append(given[LOADS[tag]])
        self._script = given if tag == "script" else None
        self.unsafe += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style":
            self.unsafe.append("<style>")

    def handle_data(self, data: str) -> None:
        if self._script is not None and data.strip():
            if self._script.get("type") != "application/json":
                self.unsafe.append(f"<script>{data[:60]}")
            self._script = None

    def target(self, link: str) -> tuple[Path, str]:
        """Return the file that a link leads to, and the anchor in it."""
        split = urlsplit(link)
        path = (self.file.parent / unquote(split.path)).resolve() if split.path else self.file
        return (path / "index.html" if path.is_dir() else path), unquote(split.fragment)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted((site / "guide").rglob("*.html"))}


def test_every_page_of_ours_and_those_of_docs_are_there(site: Path) -> None:
    named = {page.stem for page in PAGES.glob("*.md")} - {"index"}

    for name in (named, {"webhooks", "errors", "sandbox", "api", "events", "versions"}):
        assert all((site / "guide" / one / "index.html").is_file() for one in name)


def test_every_link_resolves(pages: dict[Path, Page]) -> None:
    broken = []
    for page in pages.values():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                if urlsplit(link).hostname not in OUTSIDE:
                    broken.append(link)
                continue
            file, anchor = page.target(link)
            if not file.is_file() or (
                anchor and file in pages and anchor not in pages[file].anchors
            ):
                broken.append(f"{page.file.parent.name}: {link}")

    assert broken == []


def test_every_page_is_reachable_from_the_navigation(site: Path, pages: dict[Path, Page]) -> None:
    first = pages[site / "guide" / "index.html"]

    reached = {first.target(link)[0] for link in first.in_navigation}

    assert set(pages) == reached


def test_nothing_is_loaded_from_other_sites(site: Path, pages: dict[Path, Page]) -> None:
    for page in pages.values():
        for loaded in page.loads:
            assert page.target(loaded)[0].is_file(), f"{page.file}: {loaded}"
    for style in (site / "guide").rglob("*.css"):
        assert not re.findall(r"url\((?!\"?data:)[^)]*//[^)]*\)|@import", style.read_text()), style


def test_no_page_has_a_script_or_a_style_in_it(pages: dict[Path, Page]) -> None:
    assert {str(file): page.unsafe for file, page in pages.items() if page.unsafe} == {}


def test_the_shop_stands_in_the_guide_as_it_is(site: Path) -> None:
    shown = re.sub("<[^>]*>", "", (site / "guide/shop/index.html").read_text())

    assert "def send_customer_to_pay(self, order):" in shown


class TestServed:
    @pytest.fixture
    def client(self, site: Path, settings: Any) -> Client:
        settings.WHITENOISE_ROOT = site
        return Client()

    @pytest.mark.parametrize("path", ["/guide/", "/guide/shop/", "/guide/search/search_index.json"])
    def test_at_guide(self, client: Client, path: str) -> None:
        answer = client.get(path)

        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]

    def test_with_the_strict_policy_of_our_pages(self, client: Client) -> None:
        answer = client.get("/guide/")
        policy = answer.headers["Content-Security-Policy"]
        answer.close()

        assert "default-src 'self'" in policy
        assert "unsafe" not in policy

    def test_from_the_address_without_its_slash(self, client: Client) -> None:
        answer = client.get("/guide")

        assert (answer.status_code, answer.headers["Location"]) == (302, "guide/")

    def test_a_page_that_is_none_is_404_and_says_where_to_begin(self, client: Client) -> None:
        answer = client.get("/guide/nothing")

        assert (answer.status_code, answer.headers["Content-Type"]) == (
            404,
            "text/plain; charset=utf-8",
        )
        assert "/guide/" in answer.content.decode()


@pytest.mark.parametrize("path", ["/guide", "/guide/", "/guide/quick-start/"])
def test_a_guide_that_was_not_built_is_404_and_says_how(settings: Any, path: str) -> None:
    settings.WHITENOISE_ROOT = None

    answer = Client().get(path)

    assert answer.status_code == 404
    assert "make guide" in answer.content.decode()
