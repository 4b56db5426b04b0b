"""Names of models, fields and states for staff, in their own language.

Models have English names from their identifiers; two hundred `verbose_name=_(...)` would hide the
rest of the code. This module makes each name lazy, so that the pages for staff translate it.
`words` lists the names for the catalogues, and a test checks that the list is complete.
"""

from collections.abc import Iterable, Iterator

from django.apps import AppConfig, apps
from django.db.models import Field, Model
from django.utils.translation import gettext_lazy

APPS = ("apikeys", "events", "gateways", "invoices", "payments", "reporting")


def make_lazy() -> None:
    """Translate the names of our models when they are shown."""
    for app in our_apps():
        app.verbose_name = gettext_lazy(str(app.verbose_name))
        for model in app.get_models():
            _make_model_lazy(model)


def our_apps() -> Iterator[AppConfig]:
    """Yield our apps."""
    return (apps.get_app_config(label) for label in APPS)


def fields_of(model: type[Model]) -> Iterable[Field[object, object]]:
    """Return a model's columns."""
    return [field for field in model._meta.get_fields() if isinstance(field, Field)]  # noqa: SLF001


def _spelled(name: object) -> str:
    """Return an identifier's name in the spelling for staff."""
    return str(name).replace("installment", "instalment")


def _make_model_lazy(model: type[Model]) -> None:
    options = model._meta  # noqa: SLF001  # Django's public way to a model's names
    for name in ("verbose_name", "verbose_name_plural"):
        setattr(options, name, gettext_lazy(_spelled(getattr(options, name))))
    for field in fields_of(model):
        if isinstance(field.verbose_name, str):
            field.verbose_name = gettext_lazy(_spelled(field.verbose_name))
        if field.choices:
            field.choices = [
                (value, gettext_lazy(label) if isinstance(label, str) else label)
                for value, label in field.flatchoices
            ]
