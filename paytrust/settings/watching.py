"""Who may see what happens inside. `.env.example` says what each setting means."""

from paytrust.settings.environment import env

# Asked of who reads /metrics; without it those may who come past no proxy of ours.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
OTEL_EXPORTER_OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
