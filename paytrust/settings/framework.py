"""What Django runs: apps, middleware, templates, languages and static files."""

from paytrust.settings.environment import BASE_DIR, env

DEBUG: bool = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
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
    "pgtrigger",
    "paytrust",
    "apikeys",
    "events",
    "gateways",
    "invoices",
    "payments",
    "reporting",
]
MIDDLEWARE = [
    "paytrust.web.request_id.RequestIdMiddleware",
    "paytrust.operations.logging.RequestLogMiddleware",
    "paytrust.operations.traffic.TrafficMiddleware",
    "apikeys.keys.access.AccessMiddleware",
    "paytrust.web.versions.VersionMiddleware",
    "paytrust.web.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "paytrust.web.problems.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "paytrust.staff.preferences.StaffPreferencesMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "paytrust.staff.sessions.SessionLimitMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apikeys.people.limits.StaffWallMiddleware",  # after those that read accounts and sessions
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: replaces the answer to those that it locks out
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
LANGUAGE_CODE = "en"
LANGUAGES = [("id", "Bahasa Indonesia"), ("ms", "Bahasa Melayu"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serves the admin's and Swagger's files without collectstatic

# What `make guide` built. WhiteNoise serves it at /guide, if it is there when a process starts.
GUIDE_SITE = BASE_DIR / "build" / "site"
WHITENOISE_ROOT = GUIDE_SITE if GUIDE_SITE.is_dir() else None
WHITENOISE_INDEX_FILE = True
