"""The catalogues of translations are whole, and what is compiled is what is written."""

import ast
import re
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import translation
from django.utils.functional import Promise

from invoices.models import ReviewFlag
from reporting.back_office import vocabulary, words

LOCALE = Path(__file__).resolve().parents[2] / "locale"
LANGUAGES = ["id", "ms"]
PLACEHOLDER = re.compile(r"%\(\w+\)s|%s")
MARKED = {"_", "gettext", "gettext_lazy", "gettext_noop"}
ROOT = LOCALE.parent
SOURCES = [
    file
    for folder in ("paytrust", "apikeys", "gateways", "invoices", "payments", "reporting")
    for file in (ROOT / folder).rglob("*.py")
    if "migrations" not in file.parts
]


def written(language: str) -> dict[str, str]:
    """Return what a catalogue says, by what it translates."""
    text = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    assert ", fuzzy" not in text
    assert "#~" not in text
    found = {}
    for entry in text.split("\n\n"):
        values: dict[str, str] = {}
        key = ""
        for line in entry.splitlines():
            if match := re.fullmatch(r'(msgid_plural|msgid|msgstr)(?:\[0\])? (".*")', line):
                key = match[1]
                values[key] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                values[key] += ast.literal_eval(line)
        if values.get("msgid"):
            found[values["msgid"]] = values["msgstr"]
    return found


def compiled(language: str) -> dict[str, str]:
    """Return what the compiled catalogue says, plural forms by their singular."""
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        catalog = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {
        name[0] if isinstance(name, tuple) else name: text for name, text in catalog.items() if name
    }


def marked() -> set[str]:
    """Return the texts that the code marks for translation."""
    texts = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in MARKED
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                texts.add(str(node.args[0].value))
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
class TestCatalog:
    def test_translates_everything(self, language: str) -> None:
        assert [name for name, text in written(language).items() if not text] == []

    def test_knows_each_text_of_the_code(self, language: str) -> None:
        assert marked() - written(language).keys() == set()

    def test_keeps_the_places_of_values(self, language: str) -> None:
        for name, text in written(language).items():
            assert sorted(PLACEHOLDER.findall(name)) == sorted(PLACEHOLDER.findall(text)), name

    def test_is_compiled(self, language: str) -> None:
        assert compiled(language) == written(language)


class TestWords:
    def test_name_every_model_field_and_state_that_staff_see(self) -> None:
        names = {str(app.verbose_name) for app in vocabulary.our_apps()}
        names |= {str(label) for label in ReviewFlag.labels}
        for model in admin.site._registry:
            if model._meta.app_label not in vocabulary.APPS:
                continue
            names |= {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)}
            for field in vocabulary.fields_of(model):
                names.add(str(field.verbose_name))
                names |= {str(label) for _value, label in field.flatchoices}

        assert names - set(words.WORDS) == set()

    def test_are_translated_when_they_are_shown(self) -> None:
        options = apps.get_model("invoices", "Invoice")._meta

        assert isinstance(options.verbose_name, Promise)
        with translation.override("id"):
            assert str(options.verbose_name_plural) == "faktur"
            assert dict(options.get_field("status").flatchoices)["fully_paid"] == "Lunas"
        with translation.override("ms"):
            assert str(options.get_field("created_at").verbose_name) == "dibuat pada"
