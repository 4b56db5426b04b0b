"""Rows of the apikeys app for tests."""

from datetime import UTC, datetime
from typing import Any

import factory
from factory.django import DjangoModelFactory

from apikeys.audit import recording
from apikeys.audit.recording import Caller
from apikeys.keys import forms, hashing
from apikeys.models import ApiKey, Tenant
from paytrust.operations.trips import join

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class TenantFactory(DjangoModelFactory[Tenant]):
    class Meta:
        model = Tenant

    name = factory.Sequence(lambda number: f"Toko {number}")
    created_at = NOON


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """A key row; its plain text is `key`. `api_key` returns both."""

    class Meta:
        model = ApiKey

    class Params:
        key = factory.Sequence(lambda number: f"{number:064x}")

    tenant = factory.SubFactory(TenantFactory)
    description = "online shop"
    key_prefix = factory.LazyAttribute(lambda made: made.key[:4])
    key_hash = factory.LazyAttribute(lambda made: hashing.hash_of(made.key))
    key_digest = factory.LazyAttribute(lambda made: hashing.digest_of(made.key))
    created_at = NOON


def api_key(**attributes: Any) -> tuple[ApiKey, str]:
    """Make a key row together with its plain text."""
    key = forms.new_key()
    return ApiKeyFactory.create(key=key, **attributes), key


def used(key: ApiKey, caller: Caller, *, status: int = 200, at: datetime = NOON) -> None:
    """Write down a request that sent a key."""
    join(
        recording.use(
            api_key=key,
            caller=caller,
            status_code=status,
            error=None,
            authenticated=True,
            now=at,
            where=recording.UNHURRIED,
            values={},
        )
    )
