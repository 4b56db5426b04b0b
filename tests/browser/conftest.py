"""Debian's Chromium, used on this project over HTTP; each test has its own window.

CHROMIUM names the browser, else the usual names are tried. SCREENSHOTS names a folder for pictures
of the pages; without it none are taken.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from paytrust.staff import roles
from tests.staff import member

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, MIDDLE, NARROW = (1440, 900), (820, 1180), (390, 844)  # a desk, a tablet, a phone
ZOOMED = (320, 256)  # a window of 1280 by 1024 at 400 %
GRAVE = {"serious", "critical"}


def executable() -> str | None:
    """Return the browser's path, if there is one."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = executable()
    if path is None:
        why = "no Chromium: set CHROMIUM, or `apt-get install chromium`"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Its event loop runs in this thread, where Django would take each query for a mistake.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        launched = playwright.chromium.launch(executable_path=path)
        yield launched
        launched.close()


@dataclass
class Window:
    """A page of the back office in a browser, and what went wrong in it."""

    page: Page
    url: str
    pictures: Path | None
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def resize(self, size: tuple[int, int]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def press(self, name: str) -> None:
        """Press the button, or follow the link, of this name, on the page as it is when loaded."""
        self.page.wait_for_load_state()
        named = self.page.get_by_role("button", name=name, exact=True)
        (
            named if named.count() else self.page.get_by_role("link", name=name, exact=True)
        ).first.click()

    def by_keyboard(self, name: str) -> None:
        """Press the Tab key until the keyboard is at this name, then Enter."""
        self.page.wait_for_load_state()
        for _ in range(200):
            self.page.keyboard.press("Tab")
            if self.focused() == name:
                self.page.keyboard.press("Enter")
                return
        raise AssertionError(f"the keyboard never comes to {name!r}")

    def reads(self, text: str) -> bool:
        """Say whether the page shows the text, or does so within the browser's patience."""
        body = self.page.locator("body")
        try:
            expect(body).to_contain_text(text, use_inner_text=True)
        except AssertionError:
            return False
        return True

    def grave_violations(self) -> list[str]:
        """Return what axe-core holds to be serious or critical on the page."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']} at {[node['target'] for node in one['nodes']][:3]}"
            for one in found
            if one["impact"] in GRAVE
        ]

    def violations(self) -> list[str]:
        """Return all that axe-core finds on the page, with the size of targets (WCAG 2.2)."""
        # Without `resultTypes` axe also describes each element that keeps to each rule.
        options = {
            "rules": {"target-size": {"enabled": True}},
            "resultTypes": ["violations"],
        }
        found = Axe().run(self.page, options=options).response["violations"]
        return [f"{one['id']} at {[node['target'] for node in one['nodes']][:3]}" for one in found]

    def focused(self) -> str:
        """Return the name of what the keyboard is at."""
        at = self.page.locator(":focus")
        return at.get_attribute("aria-label") or at.inner_text().strip()

    def picture(self, name: str) -> None:
        if self.pictures is not None:
            self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    named = os.environ.get("SCREENSHOTS")
    if not named:
        return None
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


OpenWindow = Callable[..., Window]


@pytest.fixture
def window(
    committed: None, browser: Browser, live_url: str, pictures: Path | None
) -> Iterator[OpenWindow]:
    """Open windows, signed in as somebody; at the end none may have complained."""
    opened: list[tuple[BrowserContext, Window]] = []

    def open_window(user: User | None = None, *, size: tuple[int, int] = WIDE) -> Window:
        context = browser.new_context(locale="en-GB", accept_downloads=True)
        if user is not None:
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session_of(user), "url": live_url}]
            )
        made = Window(context.new_page(), live_url, pictures)
        made.resize(size)
        made.page.on("console", lambda said: _note(made, said))
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        opened.append((context, made))
        return made

    yield open_window
    complaints = [complaint for _, one in opened for complaint in one.complaints]
    for context, _ in opened:
        context.close()
    assert complaints == []


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def operator() -> User:
    return member(roles.OPERATOR)


def _note(window: Window, said: ConsoleMessage) -> None:
    if said.type in {"error", "warning"}:
        window.complaints.append(f"{said.text} ({said.location.get('url')})")
