"""Settings: the only reader of the environment. `.env.example` says what each variable means."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from paytrust import logging, production

django_stubs_ext.monkeypatch()  # lets ModelAdmin[...] and QuerySet[...] be written at runtime

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(str(BASE_DIR / ".env"))  # optional; variables already set win


def secret(name: str, *, at_least: int) -> str:
    """Read a secret that must be there and be long enough, or the process must not start."""
    value: str = env.str(name, default="")
    if len(value) < at_least:
        raise ImproperlyConfigured(
            f"{name} must be set to at least {at_least} characters; see .env.example"
        )
    return value


def secrets(name: str, *, at_least: int) -> list[str]:
    """Read one or more secrets, separated by commas, the newest first; each as `secret` does."""
    values = [value.strip() for value in env.str(name, default="").split(",")]
    if min(map(len, values)) < at_least:
        raise ImproperlyConfigured(
            f"{name} must be one or more secrets of at least {at_least} characters, separated"
            " by commas; see .env.example"
        )
    return values


def one_of(name: str, choices: tuple[str, ...], *, default: str) -> str:
    """Read a setting that has few values."""
    value: str = env.str(name, default=default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY", at_least=32)
ADMIN_API_KEY = secret("ADMIN_API_KEY", at_least=32)
API_KEY_PEPPER = secret("API_KEY_PEPPER", at_least=32)
CREDENTIAL_KEYS = secrets("CREDENTIAL_KEYS", at_least=32)

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
PUBLIC_BASE_URL: str = env.str("PUBLIC_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "reporting.back_office.apps.BackOfficeConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "paytrust",
    "apikeys",
    "gateways",
    "invoices",
    "payments",
    "reporting",
]
MIDDLEWARE = [
    "paytrust.request_id.RequestIdMiddleware",
    "paytrust.logging.RequestLogMiddleware",
    "apikeys.access.AccessMiddleware",
    "paytrust.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "paytrust.problems.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "paytrust.staff.preferences.StaffPreferencesMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "paytrust.staff.sessions.SessionLimitMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces the answer to those it locks out
]
ROOT_URLCONF = "paytrust.urls"
WSGI_APPLICATION = "paytrust.wsgi.application"
APPEND_SLASH = False  # paths are exact; a redirect would lose a notification's body
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Connections come from one pool per process, so a thread that waits for a gateway holds none.
DATABASES: dict[str, Any] = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["OPTIONS"] = {
    "options": "-c lock_timeout=5000",  # milliseconds; API calls use NOWAIT instead (spec 4.2)
    "pool": {
        "min_size": env.int("DATABASE_POOL_MIN", default=1),
        "max_size": env.int("DATABASE_POOL_MAX", default=16),
        "timeout": 5,  # seconds to wait for a free connection
    },
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env.str("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "paytrust.broker:Transport"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120  # seconds
CELERY_TASK_PUBLISH_RETRY = False  # PostgreSQL knows what is due; beat hands it out again
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,  # seconds; longer than any task may run
    "socket_connect_timeout": 0.25,  # seconds: a merchant must not wait for a broker that is away
    "socket_timeout": 5,
    # Without these kombu tries for 6 s before it says that the broker is away.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "hand out due webhook events": {"task": "payments.hand_out_due_events", "schedule": 5.0},
    "open due payments": {"task": "invoices.hand_out_due_openings", "schedule": 30.0},
    "close payments": {"task": "payments.hand_out_closings", "schedule": 30.0},
    "ask about payments without word": {"task": "payments.hand_out_checks", "schedule": 60.0},
    "close days": {"task": "reporting.close_days", "schedule": 900.0},
    "draw plots": {"task": "reporting.draw_plots", "schedule": 300.0},
    "check closed days": {
        "task": "reporting.check_days",
        "schedule": crontab(hour="2", minute="30"),
    },
    "audit books": {"task": "reporting.audit_books", "schedule": crontab(hour="3", minute="30")},
    "expire unpaid invoices": {"task": "invoices.expire_invoices", "schedule": 300.0},
    "seal audit": {"task": "apikeys.seal_audit", "schedule": 300.0},
    "make audit months": {"task": "apikeys.make_audit_months", "schedule": 86_400.0},
}

LANGUAGE_CODE = "en"
LANGUAGES = [("id", "Bahasa Indonesia"), ("ms", "Bahasa Melayu"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
STAFF_TIME_ZONE: str = env.str("STAFF_TIME_ZONE", default="Asia/Jakarta")
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serves the admin's and Swagger's files without a collect step
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    }
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # nobody locks another one out from afar
AXES_CLIENT_IP_CALLABLE = "paytrust.client_address.client_address_of"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "paytrust.staff.sign_in.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "PayTrust"
LOGIN_REDIRECT_URL = "admin:index"
STAFF_SESSION_SECONDS = SESSION_COOKIE_AGE = 12 * 3600
STAFF_IDLE_SECONDS: int = env.int("STAFF_IDLE_SECONDS", default=30 * 60)

# Behind TLS wherever the public address says so; the stack on one's own machine is plain HTTP.
BEHIND_TLS = PUBLIC_BASE_URL.startswith("https://")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]  # asked from inside, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True

TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", default=0)
ROW_LEVEL_SECURITY: bool = env.bool("ROW_LEVEL_SECURITY", default=True)
RATE_LIMIT_BACKEND = one_of("RATE_LIMIT_BACKEND", ("redis", "memory"), default="redis")
RATE_LIMIT_REQUESTS: int = env.int("RATE_LIMIT_REQUESTS", default=1000)  # per key in any 60 s
FAILED_AUTHENTICATION_LIMIT: int = env.int("FAILED_AUTHENTICATION_LIMIT", default=60)  # likewise
REQUEST_BODY_LIMIT_BYTES: int = env.int("REQUEST_BODY_LIMIT_BYTES", default=1024 * 1024)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apikeys.authentication.ApiKeyAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": ["apikeys.throttling.KeyThrottle"],
    "DEFAULT_PERMISSION_CLASSES": [],  # to be authenticated is the permission
    "DEFAULT_PARSER_CLASSES": ["paytrust.wire.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["paytrust.wire.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "paytrust.wire.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "paytrust.problems.error_response",
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
        "paytrust.openapi.document_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ApiKeyStatus": "apikeys.models.ApiKey.Status",
        "InvoiceStatus": "invoices.models.InvoiceStatus",
        "WebhookEventStatus": "payments.models.WebhookEvent.Status",
    },
}

REFERENCE_PREFIX: str = env.str("REFERENCE_PREFIX", default="PT")
CONFIRM_WITH_GATEWAY: bool = env.bool("CONFIRM_WITH_GATEWAY", default=True)
XENDIT: dict[str, str] = {
    "base_url": env.str("XENDIT_BASE_URL", default="https://api.xendit.co"),
    "secret_key": env.str("XENDIT_SECRET_KEY", default=""),
    "callback_token": env.str("XENDIT_CALLBACK_TOKEN", default=""),
}
MIDTRANS: dict[str, str] = {
    "core_base_url": env.str("MIDTRANS_CORE_BASE_URL", default="https://api.midtrans.com"),
    "snap_base_url": env.str("MIDTRANS_SNAP_BASE_URL", default="https://app.midtrans.com/snap/v1"),
    "server_key": env.str("MIDTRANS_SERVER_KEY", default=""),
    "client_key": env.str("MIDTRANS_CLIENT_KEY", default=""),
}

# Where real money moves, which a public https address means unless this is said to be a trial.
ENVIRONMENT = one_of(
    "ENVIRONMENT",
    ("production", "staging", "development"),
    default="production" if BEHIND_TLS else "development",
)
SECOND_FACTOR_REQUIRED = ENVIRONMENT != "development"
if ENVIRONMENT == "production" and (
    objections := production.objections(
        debug=DEBUG,
        public_base_url=PUBLIC_BASE_URL,
        gateway_urls={
            "XENDIT_BASE_URL": XENDIT["base_url"],
            "MIDTRANS_CORE_BASE_URL": MIDTRANS["core_base_url"],
            "MIDTRANS_SNAP_BASE_URL": MIDTRANS["snap_base_url"],
        },
        gateway_credentials={
            "XENDIT_SECRET_KEY": XENDIT["secret_key"],
            "MIDTRANS_SERVER_KEY": MIDTRANS["server_key"],
            "MIDTRANS_CLIENT_KEY": MIDTRANS["client_key"],
        },
    )
):
    raise ImproperlyConfigured(
        "Not fit for production (ENVIRONMENT says otherwise where it is none): "
        + "; ".join(objections)
    )

UNFOLD = {
    "SITE_TITLE": "PayTrust",
    "SITE_HEADER": "PayTrust",
    "SITE_SUBHEADER": ENVIRONMENT,
    "SITE_URL": None,
    "SITE_ICON": "reporting.back_office.theme.logo",
    "SITE_FAVICONS": [
        {"rel": "icon", "href": "reporting.back_office.theme.logo", "type": "image/svg+xml"}
    ],
    "STYLES": ["reporting.back_office.theme.style"],
    "SCRIPTS": ["reporting.back_office.theme.script"],
    "SHOW_LANGUAGES": False,  # the header has its own switch, beside the zone's
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": None,
    "SIDEBAR": {"show_search": False, "command_search": False},
}

LOGGING_CONFIG = None
logging.configure(level=env.str("LOG_LEVEL", default="INFO"))
