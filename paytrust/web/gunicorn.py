"""How gunicorn serves the API: `gunicorn --config python:paytrust.web.gunicorn paytrust.wsgi`."""

import os
import resource

worker_class = (
    "paytrust.web.worker.Worker"  # a thread waits for the gateway, so concurrency is threads
)
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_connections = int(os.environ.get("WEB_CONNECTIONS", "2000"))  # open at once, per worker
timeout = 60  # seconds a worker may be stuck; a gateway call ends after 10
graceful_timeout = 20  # seconds to finish requests on a stop
limit_request_line = 8190  # bytes
keepalive = 5  # seconds
control_socket_disable = True  # its path would be one for all stacks of a user

# Each connection is an open file, of which many systems allow 1024 unless asked for more.
_, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(
    resource.RLIMIT_NOFILE, (min(_most_files, 65_536) if _most_files > 0 else 65_536, _most_files)
)
