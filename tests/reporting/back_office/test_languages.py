"""Every page of the back office in each language: no text of another language, no machine's word.

A page is read in English and in another language. A text that is the same in both, and is no data,
was not translated. The pages are those of every address of the site, for rows of every kind.
"""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.utils import translation

from apikeys.models import Tenant
from payments.settlement import reading
from reporting.back_office import navigation
from tests.apikeys.factories import TenantFactory
from tests.reporting.back_office.test_bound_staff import fill
from tests.reporting.back_office.test_rights import addresses
from tests.reporting.back_office.test_walk import MACHINE, texts_of

pytestmark = pytest.mark.django_db

OTHERS = [code for code, _name in settings.LANGUAGES if code != "en"]
LEAST = 140  # pages of which each is read, so that a page that is lost is noticed
PER_NAME = 2  # pages of one address that are read, of different rows
WORD = re.compile(r"[^\W\d_]{3,}")
# What has one name for people of all languages: names, formats, units, keys, and words that
# Indonesian and Malay write as English does.
NAMES = """
    PayTrust Xendit Midtrans Bahasa Indonesia Melayu English CSV XLSX PDF SHA VAT PPN UTC API
    pain esc GET POST IDR MYR USD April September November
    Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
    Gateway Status Manual Menu Platform Total Subtotal chargeback final Import Url
    secret callback server client key token
"""
NO_DATA = {"auth.Permission", "contenttypes.ContentType", "sessions.Session"}


@pytest.fixture
def clients() -> dict[str, Client]:
    """Somebody who may open every page, in each language, and something of everything."""
    fill(TenantFactory.create(name="Warung-Qwzx"))
    root = User.objects.create_superuser("root")
    found = {}
    for code, _name in settings.LANGUAGES:
        client = found[code] = Client()
        client.force_login(root)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = code
    return found


def pages_in(clients: dict[str, Client]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield the address of each page, and its texts by language."""
    seen: dict[str, int] = {}
    for name, address in addresses():
        if seen.get(name, 0) == PER_NAME:
            continue
        answers = {code: client.get(address) for code, client in clients.items()}
        if answers["en"].status_code == HTTPStatus.OK and "<html" in answers["en"].text[:500]:
            seen[name] = seen.get(name, 0) + 1
            yield address, {code: list(texts_of(of.text)) for code, of in answers.items()}


def data() -> list[str]:
    """Return what people, gateways and programs wrote: the texts of rows that are no choices."""
    found = {name for names in reading.COLUMNS.values() for name in names}  # gateways' headers
    for model in apps.get_models():
        fields = [
            field.attname
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
            and not field.choices
        ]
        if fields and model._meta.label not in NO_DATA:
            for row in model._default_manager.values_list(*fields):
                for value in row:
                    found.update(strings_of(value))
    return sorted((one for one in found if len(one) > 2), key=len, reverse=True)


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from strings_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings_of(one)


def untranslated(english: Iterable[str], other: Iterable[str], known: Iterable[str]) -> set[str]:
    """Return the texts that stand in both and have a word that is neither data nor a name."""
    both = {text.strip() for text in english} & {text.strip() for text in other}
    return {text for text in both if words_left(text, known)}


def words_left(text: str, known: Iterable[str]) -> set[str]:
    for one in known:
        text = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", " ", text, flags=re.IGNORECASE)
    names = {name.lower() for name in NAMES.split()}
    return {word for word in WORD.findall(text) if word.lower() not in names}


def found_on(clients: dict[str, Client]) -> dict[str, str]:
    """Return each untranslated text, and each machine's word, with a page that shows it."""
    known, found, count = data(), dict[str, str](), 0
    for page, texts in pages_in(clients):
        count += 1
        for code in OTHERS:
            for text in untranslated(texts["en"], texts[code], known):
                found.setdefault(text, f"{code} {page}")
        for text in texts["en"]:
            for word in MACHINE.findall(text):
                if words_left(word.replace("_", " "), known):
                    found.setdefault(word, page)
    assert count >= LEAST, f"only {count} pages were read"
    return found


@pytest.mark.unmeasured
def test_every_page_speaks_the_readers_language(clients: dict[str, Client]) -> None:
    assert found_on(clients) == {}


@pytest.mark.parametrize("language", dict(settings.LANGUAGES))
def test_no_list_has_two_columns_of_one_name(language: str) -> None:
    twice = {}
    with translation.override(language):
        for model, page in admin.site._registry.items():
            names = [str(label_for_field(one, model, page)).lower() for one in page.list_display]
            if len(names) > len(set(names)):
                twice[model._meta.label] = names

    assert twice == {}


class TestTheFinder:
    """Each planted text must be found, or the test above proves nothing."""

    def test_finds_what_is_planted_on_a_page(
        self, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = admin.site._registry[Tenant]
        monkeypatch.setattr(page, "search_help_text", "Nothing was translated here")
        monkeypatch.setattr(navigation, "_", lambda text: f"of_machine {text}")

        address = "/admin/apikeys/tenant/"
        english, other = (
            list(texts_of(clients[code].get(address).text)) for code in ("en", OTHERS[0])
        )

        found = untranslated(english, other, data())
        assert any("Nothing was translated here" in text for text in found)
        assert any("Financial report" in text for text in found)
        assert "of_machine" in {word for text in english for word in MACHINE.findall(text)}

    @pytest.mark.parametrize(
        ("text", "is_found"),
        [
            ("Not translated", True),
            ("Invoice of Warung-Qwzx", True),
            ("Warung-Qwzx", False),
            ("29 Nov 2026, RM\N{NO-BREAK SPACE}100.00", False),
            ("Gateway", False),
            ("Keyboard", True),  # no name is found inside another word
        ],
    )
    def test_tells_texts_from_data_and_names(self, text: str, is_found: bool) -> None:
        found = untranslated([text], [f" {text} "], ["Warung-Qwzx"])

        assert bool(found) == is_found
