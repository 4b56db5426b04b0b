"""Sign-in, secrets, and the rules for browsers."""

from datetime import timedelta

from paytrust.settings.environment import env, named_secrets, one_of, secret, secrets

SECRET_KEY = secret("SECRET_KEY", at_least=32)
ADMIN_API_KEY = secret("ADMIN_API_KEY", at_least=32)
ADMIN_API_KEYS = named_secrets("ADMIN_API_KEYS", at_least=32, beside=ADMIN_API_KEY)
API_KEY_PEPPER = secret("API_KEY_PEPPER", at_least=32)
CREDENTIAL_KEYS = secrets("CREDENTIAL_KEYS", at_least=32)
PUBLIC_BASE_URL: str = env.str("PUBLIC_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
PASSWORD_HASHERS = ["paytrust.staff.hashing.FewAtOnce"]
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
    "apikeys.people.limits.LimitsBackend",  # before those that give permissions
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # others cannot lock one out
AXES_CLIENT_IP_CALLABLE = "paytrust.web.client_address.client_address_of"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "paytrust.staff.sign_in.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "PayTrust"
LOGIN_REDIRECT_URL = "admin:index"
STAFF_SESSION_SECONDS = SESSION_COOKIE_AGE = 12 * 3600
STAFF_IDLE_SECONDS: int = env.int("STAFF_IDLE_SECONDS", default=30 * 60)

# Behind TLS if the public address is https; the stack on a developer's machine is plain HTTP.
BEHIND_TLS = PUBLIC_BASE_URL.startswith("https://")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # machines inside ask these without TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "paytrust.staff.refusals.csrf_failure"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", default=0)

# Real money moves: a public https address means so, unless ENVIRONMENT says something else.
ENVIRONMENT = one_of(
    "ENVIRONMENT",
    ("production", "staging", "development"),
    default="production" if BEHIND_TLS else "development",
)
# A file that says how far PayTrust is ahead of real time; only development reads it.
DEVELOPMENT_CLOCK: str = env.str("DEVELOPMENT_CLOCK", default="")
SECOND_FACTOR_REQUIRED = ENVIRONMENT != "development"
