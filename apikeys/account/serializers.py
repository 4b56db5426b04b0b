"""Shapes of the calls by which a merchant manages its own keys."""

from typing import Any

from rest_framework import serializers

from apikeys.keys.serializers import ApiKeyResponse
from apikeys.models import ApiKey
from paytrust.money import MAX_AMOUNT
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import StrictCharField, UTCDateTimeField


class OwnKeyFilter(PageQuery):
    status = serializers.ChoiceField(
        choices=ApiKey.Status.choices, required=False, help_text="Only keys in this state."
    )


class OwnKeyList(serializers.Serializer[Any]):
    results = ApiKeyResponse(
        many=True, help_text="Newest first; old secrets are rows of their own."
    )
    next = serializers.URLField(allow_null=True, help_text="The page of older rows.")
    previous = serializers.URLField(allow_null=True, help_text="The page of newer rows.")


class OwnRequestFilter(PageQuery):
    api_key_id = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_AMOUNT,
        help_text="Only calls with this key or, by its own id, with an old secret.",
    )
    request_id = StrictCharField(
        max_length=128, required=False, help_text="Only the call with this X-Request-Id."
    )


class OwnRequestResponse(serializers.Serializer[Any]):
    """One call that was made with a key of yours."""

    id = serializers.IntegerField(help_text="The place in this list.")
    created_at = UTCDateTimeField(help_text="When it was answered.")
    request_id = serializers.CharField(help_text="As in the answer's X-Request-Id.")
    method = serializers.CharField(help_text="GET, POST ...")
    path = serializers.CharField(help_text="As it was called, without its query.")
    route = serializers.CharField(
        allow_null=True, help_text="The endpoint, such as /invoices/{invoice_id}; null: none."
    )
    status_code = serializers.IntegerField(help_text="Of the answer.")
    error = serializers.CharField(
        source="error_message",
        allow_null=True,
        help_text="The code of the error, or why the key was refused.",
    )
    api_key_id = serializers.IntegerField(help_text="The key or old secret that was sent.")
    ip_address = serializers.CharField(allow_null=True, help_text="From where.")


class OwnRequestList(serializers.Serializer[Any]):
    results = OwnRequestResponse(many=True, help_text="Newest first.")
    next = serializers.URLField(allow_null=True, help_text="The page of older rows.")
    previous = serializers.URLField(allow_null=True, help_text="The page of newer rows.")
