"""PostgreSQL, the only database that holds the truth."""

from typing import Any

from paytrust.settings.environment import env

# The owner migrates; all other processes log in as the plain role of DATABASE_URL (ADR 0031).
# manage.py says which commands run as the owner.
OWNER_URL = "DATABASE_OWNER_URL" if env.str("DATABASE_OWNER_URL", default="") else "DATABASE_URL"
AS_OWNER: bool = env.bool("DATABASE_AS_OWNER", default=False)


def _login(name: str) -> dict[str, Any] | None:
    return env.db(name) if env.str(name, default="") else None


# `migrate` makes this login if the owner is not the login of DATABASE_URL.
APPLICATION_LOGIN = _login("DATABASE_URL") if env.str("DATABASE_OWNER_URL", default="") else None
# Merchants' requests log in with this, so that RESET ROLE has no effect.
MERCHANT_LOGIN = _login("DATABASE_MERCHANT_URL")

# Connections come from one pool per process, so that a thread that waits for a gateway holds none.
DATABASES: dict[str, Any] = {"default": env.db(OWNER_URL if AS_OWNER else "DATABASE_URL")}
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
ROW_LEVEL_SECURITY: bool = env.bool("ROW_LEVEL_SECURITY", default=True)
