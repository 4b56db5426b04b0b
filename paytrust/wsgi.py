"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from paytrust.celery import app
from paytrust.operations import queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paytrust.settings")

application = get_wsgi_application()
queue.only_publish(app)
