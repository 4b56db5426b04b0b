"""Redis and Celery: data that may be lost, and when each job runs."""

from celery.schedules import crontab

from paytrust.settings.environment import env

REDIS_URL: str = env.str("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "paytrust.operations.broker:Transport"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120  # seconds
CELERY_TASK_PUBLISH_RETRY = False  # PostgreSQL has what is due; beat starts it again
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,  # seconds; longer than any task may run
    "socket_connect_timeout": 0.25,  # seconds; a merchant must not wait for a dead broker
    "socket_timeout": 5,
    # Without these kombu tries for 6 s before it reports that the broker does not answer.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
# What waits or works for long has workers of its own, whose threads have no time limit: merchants'
# servers may be slow, a round of settlements comes last in its gateway's budget, and a settlement
# file or the nightly audit may take minutes, and gateways are asked about hundreds of payments and
# refunds, one after the other. Notifications never stand behind them.
LONG_TASKS = (
    *("events.deliver", "events.hand_out_deliveries", "events.purge_events"),
    *("payments.fetch_settlements", "payments.import_settlement", "payments.compare_settlements"),
    *("payments.read_settlement_report", "payments.import_bank_statement"),
    *("reporting.audit_books", "reporting.check_days", "reporting.keep_statements"),
    *("reporting.draw_plots", "reporting.count_costs", "apikeys.purge_expired"),
    *("payments.check_payments", "payments.ask_about_payment", "payments.close_payments"),
    *("payments.check_refunds", "invoices.open_payment", "invoices.open_due_payments"),
    "apikeys.seal_audit",
)
CELERY_TASK_ROUTES = {name: {"queue": "deliveries"} for name in LONG_TASKS}
QUEUES = ("celery", "deliveries")  # money's jobs; what takes long
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "paytrust.beat:LeasedScheduler"  # two beats may run; one acts
CELERY_BEAT_SCHEDULE = {
    "process due notifications": {"task": "payments.process_notifications", "schedule": 5.0},
    "open due payments": {"task": "invoices.open_due_payments", "schedule": 10.0},
    "close payments": {"task": "payments.close_payments", "schedule": 10.0},
    "ask about refunds": {"task": "payments.check_refunds", "schedule": 10.0},
    "ask about payments without word": {"task": "payments.check_payments", "schedule": 10.0},
    "fetch settlements": {
        "task": "payments.hand_out_settlements",
        "schedule": crontab(hour="18", minute="10"),
    },
    "begin settlement reports": {
        "task": "payments.open_settlement_reports",
        "schedule": crontab(day_of_month="9-13", hour="19", minute="10"),
    },
    "read settlement reports": {"task": "payments.hand_out_settlement_reports", "schedule": 60.0},
    "import settlement files": {"task": "payments.hand_out_imports", "schedule": 5.0},
    "compare settlements": {
        "task": "payments.compare_settlements",
        "schedule": crontab(hour="19", minute="40"),
    },
    "close days": {"task": "reporting.close_days", "schedule": 900.0},
    "count costs": {"task": "reporting.count_costs", "schedule": 60.0},
    "send notices": {"task": "reporting.send_notices", "schedule": 60.0},
    "draw plots": {"task": "reporting.draw_plots", "schedule": 300.0},
    "check closed days": {
        "task": "reporting.check_days",
        "schedule": crontab(hour="2", minute="30"),
    },
    "audit books": {"task": "reporting.audit_books", "schedule": crontab(hour="3", minute="30")},
    # From the 1st on; the days after it repeat what failed.
    "keep statements": {
        "task": "reporting.keep_statements",
        "schedule": crontab(day_of_month="1-5", hour="0", minute="40"),
    },
    "hand out deliveries": {"task": "events.hand_out_deliveries", "schedule": 1.0},
    "purge events": {"task": "events.purge_events", "schedule": crontab(hour="4", minute="30")},
    "purge what expired": {
        "task": "apikeys.purge_expired",
        "schedule": crontab(hour="4", minute="0"),
    },
    "tell of overdue instalments": {"task": "invoices.tell_overdue", "schedule": 300.0},
    "expire unpaid invoices": {"task": "invoices.expire_invoices", "schedule": 300.0},
    "seal audit": {"task": "apikeys.seal_audit", "schedule": 300.0},
    "purge tries to sign in": {"task": "apikeys.purge_sign_in_attempts", "schedule": 3600.0},
    "make audit months": {
        "task": "apikeys.make_audit_months",
        "schedule": crontab(hour="1", minute="0"),
    },
}
