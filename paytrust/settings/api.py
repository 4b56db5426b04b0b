"""The REST API: limits, parsers, answers and its OpenAPI document."""

from paytrust.settings.environment import env, one_of

RATE_LIMIT_BACKEND = one_of("RATE_LIMIT_BACKEND", ("redis", "memory"), default="redis")
RATE_LIMIT_REQUESTS: int = env.int("RATE_LIMIT_REQUESTS", default=1000)  # per key in any 60 s
FAILED_AUTHENTICATION_LIMIT: int = env.int("FAILED_AUTHENTICATION_LIMIT", default=60)  # wrong keys
SIGN_IN_LIMIT: int = env.int("SIGN_IN_LIMIT", default=20)  # tries per address in any 60 s
# An invoice of 500 lines with all fields fits.
REQUEST_BODY_LIMIT_BYTES: int = env.int("REQUEST_BODY_LIMIT_BYTES", default=256 * 1024)
WEBHOOK_BODY_LIMIT_BYTES: int = env.int("WEBHOOK_BODY_LIMIT_BYTES", default=64 * 1024)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apikeys.keys.authentication.ApiKeyAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": ["apikeys.limits.throttling.KeyThrottle"],
    "DEFAULT_PERMISSION_CLASSES": ["apikeys.keys.restrictions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["paytrust.web.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["paytrust.web.strict_json.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "paytrust.web.strict_json.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "paytrust.web.problems.error_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PayTrust",
    "DESCRIPTION": "One payment API in front of Xendit and Midtrans.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "paytrust.web.openapi.document_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ApiKeyStatus": "apikeys.models.ApiKey.Status",
        "DeliveryStatus": "events.deliveries.models.Delivery.Status",
        "EndpointStatus": "events.endpoints.models.WebhookEndpoint.Status",
        "EventType": "events.outbox.types.TYPES",
        "InvoiceStatus": "invoices.models.InvoiceStatus",
        "PaymentMethodType": "invoices.invoices.serializers.METHODS",
        "PaymentRequestStatus": "invoices.payment_requests.states.Status",
        "RefundStatus": "invoices.invoices.statuses.RefundStatus",
        "TransactionType": "invoices.ledger.models.MoneyKind",
        "WebhookEventStatus": "payments.models.WebhookEvent.Status",
    },
}
