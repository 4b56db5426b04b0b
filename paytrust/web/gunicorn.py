"""How gunicorn serves the API: `gunicorn --config python:paytrust.web.gunicorn paytrust.wsgi`."""

import os

worker_class = (
    "paytrust.web.worker.Worker"  # a thread waits for the gateway, so concurrency is threads
)
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60  # seconds a worker may be stuck; a gateway call ends after 10
graceful_timeout = 20  # seconds to finish requests on a stop
limit_request_line = 8190  # bytes
keepalive = 5  # seconds
control_socket_disable = True  # its path would be one for all stacks of a user
