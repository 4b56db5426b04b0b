"""The catalogues of translations are complete, and the compiled files match the sources."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Field, Model
from django.utils import translation
from django.utils.functional import Promise

from invoices.models import ReviewFlag

LOCALE = Path(__file__).resolve().parents[2] / "locale"
LANGUAGES = ["id", "ms"]
PLACEHOLDER = re.compile(r"%\(\w+\)s|%s")
MARKED = {"_", "gettext", "gettext_lazy", "gettext_noop"}
ROOT = LOCALE.parent
SOURCES = [
    file
    for folder in ("paytrust", "apikeys", "events", "gateways", "invoices", "payments", "reporting")
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


def ours() -> Iterator[type[Model]]:
    """Yield our models that staff see."""
    labels = {config.label for config in apps.get_app_configs() if (ROOT / config.label).is_dir()}
    for model in admin.site._registry:
        if model._meta.app_label in labels:
            yield model


def names_of(model: type[Model]) -> Iterator[tuple[str, object]]:
    """Yield a model's names as staff read them: its own, its columns' and their states'."""
    options = model._meta
    yield "", options.verbose_name
    yield "", options.verbose_name_plural
    yield "", options.app_config.verbose_name
    for field in options.get_fields():
        if isinstance(field, Field) and not field.primary_key:
            yield field.name, field.verbose_name
            yield from ((field.name, label) for _value, label in field.flatchoices)


class TestNames:
    def test_of_what_staff_see_are_in_their_language(self) -> None:
        found = {
            f"{model.__name__} {field}: {name}"
            for model in ours()
            for field, name in names_of(model)
            if not isinstance(name, Promise)
        }

        assert found == set()
        assert len(list(ours())) > 10

    def test_of_review_flags_are_in_their_language(self) -> None:
        assert all(isinstance(label, Promise) for label in ReviewFlag.labels)

    def test_are_translated_when_they_are_shown(self) -> None:
        options = apps.get_model("invoices", "Invoice")._meta

        with translation.override("id"):
            assert str(options.verbose_name_plural) == "faktur"
