"""PostgreSQL, the only database that holds the truth."""

from typing import Any

from paytrust.settings.environment import env

# The owner migrates; all other processes log in as the plain role of DATABASE_URL (ADR 0031).
# manage.py says which commands run as the owner.
OWNER_URL = "DATABASE_OWNER_URL" if env.str("DATABASE_OWNER_URL", default="") else "DATABASE_URL"
DATABASE_AS_OWNER: bool = env.bool("DATABASE_AS_OWNER", default=False)


def _login(name: str) -> dict[str, Any] | None:
    return env.db(name) if env.str(name, default="") else None


# `migrate` makes this login if the owner is not the login of DATABASE_URL.
APPLICATION_LOGIN = _login("DATABASE_URL") if env.str("DATABASE_OWNER_URL", default="") else None
# Merchants' requests log in with this, so that RESET ROLE has no effect.
MERCHANT_LOGIN = _login("DATABASE_MERCHANT_URL")

# Statements of the hot paths are prepared once a connection. PgBouncer can pool such connections
# from 1.21 on, with `max_prepared_statements`; before that, or without it, this must be off.
DATABASE_PREPARED_STATEMENTS: bool = env.bool("DATABASE_PREPARED_STATEMENTS", default=True)

# Connections come from one pool per process, so that a thread that waits for a gateway holds none.
DATABASES: dict[str, Any] = {"default": env.db(OWNER_URL if DATABASE_AS_OWNER else "DATABASE_URL")}
DATABASES["default"]["OPTIONS"] = {
    "pool": {
        "min_size": env.int("DATABASE_POOL_MIN", default=1),
        "max_size": env.int("DATABASE_POOL_MAX", default=16),
        "timeout": 5,  # seconds to wait for a free connection
    },
}
if DATABASE_AS_OWNER:  # migrating may take long, and goes straight to PostgreSQL
    DATABASES["default"]["OPTIONS"]["options"] = "-c lock_timeout=5s -c statement_timeout=0"
DATABASES["default"]["ENGINE"] = "paytrust.operations.postgresql"  # Django's, with our pool

# Where reports, exports, statements and lists may read: its host and port. It has the logins of the
# primary that it follows. Further behind than this, the primary is read.
_REPLICA = _login("DATABASE_REPLICA_URL")
REPLICA = _REPLICA and {name: _REPLICA[name] for name in ("HOST", "PORT")}
DATABASE_REPLICA_MAX_LAG_SECONDS: float = env.float("DATABASE_REPLICA_MAX_LAG_SECONDS", default=15)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROW_LEVEL_SECURITY: bool = env.bool("ROW_LEVEL_SECURITY", default=True)

# How long a session may wait or work. `migrate` gives these to the logins (ADR 40): a start-up
# option would not pass PgBouncer. API calls lock with NOWAIT instead (spec 4.2). A statement ends
# soon after the process that sent it: a task that takes too long is killed.
_TIME_OUTS = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "1min",
    "client_connection_check_interval": "5s",
}
APPLICATION_TIME_OUTS = {**_TIME_OUTS, "statement_timeout": "5min"}
MERCHANT_TIME_OUTS = {**_TIME_OUTS, "statement_timeout": "1min"}
