"""PostgreSQL: the only truth."""

from typing import Any

from paytrust.settings.environment import env

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
ROW_LEVEL_SECURITY: bool = env.bool("ROW_LEVEL_SECURITY", default=True)
