"""What a test has committed is gone when the next one begins."""

from django.apps import apps

from tests.conftest import emptied_tables

KEPT = {  # what migrations fill, and who does the work of beat
    *("auth_group", "auth_group_permissions", "auth_permission", "django_content_type"),
    *("gateways_gateway", "gateways_gatewayfee", "gateways_gatewayfeechange"),
    "paytrust_lease",
}


def test_are_all_but_those_that_migrations_fill() -> None:
    models = apps.get_models(include_auto_created=True)
    tables = {model._meta.db_table for model in models if model._meta.managed}

    assert tables - set(emptied_tables()) == KEPT
