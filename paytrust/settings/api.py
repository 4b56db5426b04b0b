"""The REST API: limits, parsers, answers and its OpenAPI document."""

from paytrust.settings.environment import env, one_of

RATE_LIMIT_BACKEND = one_of("RATE_LIMIT_BACKEND", ("redis", "memory"), default="redis")
RATE_LIMIT_REQUESTS: int = env.int("RATE_LIMIT_REQUESTS", default=1000)  # per key in any 60 s
FAILED_AUTHENTICATION_LIMIT: int = env.int("FAILED_AUTHENTICATION_LIMIT", default=60)  # wrong keys
SIGN_IN_LIMIT: int = env.int("SIGN_IN_LIMIT", default=20)  # tries per address in any 60 s
# An invoice of 500 lines with all fields fits.
REQUEST_BODY_LIMIT_BYTES: int = env.int("REQUEST_BODY_LIMIT_BYTES", default=256 * 1024)
WEBHOOK_BODY_LIMIT_BYTES: int = env.int("WEBHOOK_BODY_LIMIT_BYTES", default=64 * 1024)
OPERATORS_SWAGGER_UI: bool = env.bool("OPERATORS_SWAGGER_UI", default=False)  # at /docs-admin
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apikeys.keys.authentication.ApiKeyAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": ["apikeys.limits.throttling.KeyThrottle"],
    "DEFAULT_PERMISSION_CLASSES": ["apikeys.keys.restrictions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["paytrust.web.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["paytrust.web.strict_json.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "paytrust.web.strict_json.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "paytrust.web.openapi.schema.OperationSchema",
    "EXCEPTION_HANDLER": "paytrust.web.problems.error_response",
    "UNAUTHENTICATED_USER": None,
}
MAX_ID = 9_007_199_254_740_991  # what JSON clients keep
SPECTACULAR_SETTINGS = {
    "TITLE": "PayTrust",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "paytrust.web.openapi.generators.MerchantsDocument",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PATH_CONVERTER_OVERRIDES": {
        "id": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID},
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "paytrust.web.openapi.properties.spell_out_null",
        "paytrust.web.openapi.errors.document_errors",
        "paytrust.web.openapi.headers.document_headers",
        "paytrust.web.openapi.examples.attach",
        "paytrust.web.openapi.links.link",
        "paytrust.web.openapi.properties.complete",
        "paytrust.web.openapi.generators.describe",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ApiKeyFormat": ["hex", "prefixed"],
        "ApiKeyScope": "apikeys.models.ApiKey.Scope",
        "ApiKeyOperation": "apikeys.models.ApiKeyAuditEntry.Operation",
        "ApiKeyStatus": "apikeys.models.ApiKey.Status",
        "BankTransferBank": "invoices.invoices.serializers.BANKS",
        "ConvenienceStore": "invoices.invoices.serializers.STORES",
        "CountryCode": "invoices.invoices.serializers.COUNTRIES",
        "CurrencyCode": "invoices.invoices.serializers.CURRENCIES",
        "DeliveryStatus": "events.deliveries.models.Delivery.Status",
        "DiscrepancyKind": "reporting.financial.serializers.KINDS",
        "EndpointDisabledReason": "events.endpoints.models.WebhookEndpoint.Reason",
        "EndpointStatus": "events.endpoints.models.WebhookEndpoint.Status",
        "EndpointStatusChange": "events.endpoints.serializers.STATUSES",
        "EventType": "events.outbox.types.TYPES",
        "EventTypeOrAll": "events.endpoints.serializers.TYPES_OR_ALL",
        "GatewayStatus": "gateways.fees.serializers.STATUSES",
        "InstallmentStatus": "invoices.invoices.serializers.INSTALLMENT_STATUSES",
        "InvoiceRefundStatus": "invoices.invoices.statuses.RefundStatus",
        "InvoiceStatus": "invoices.models.InvoiceStatus",
        "NotificationStatus": "payments.models.WebhookEvent.Status",
        "PaymentMethodType": "invoices.invoices.serializers.METHODS",
        "PaymentRequestStatus": "invoices.payment_requests.states.Status",
        "RefundMethod": "payments.refunds.models.Refund.Method",
        "RefundReason": "payments.refunds.models.Refund.Reason",
        "RefundStatus": "payments.refunds.states.Status",
        "StatementLanguage": "reporting.statements.models.StatementProfile.Language",
        "StatementZone": "reporting.statements.models.StatementProfile.Zone",
        "SettlementImportSource": "payments.models.SettlementImport.Source",
        "SettlementImportStatus": "payments.models.SettlementImport.Status",
        "SettlementFeeState": "payments.settlement.serializers.FEE_STATES",
        "SettlementLineKind": "payments.settlement.serializers.KINDS",
        "SettlementLineState": "payments.settlement.serializers.STATES",
        "TransactionType": "invoices.ledger.models.MoneyKind",
    },
}
