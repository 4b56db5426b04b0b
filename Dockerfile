# The image of web, worker and beat; only the command differs. See compose.yaml.
FROM python:3.11.14-slim-bookworm AS build
COPY requirements-runtime.lock /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --requirement /tmp/requirements-runtime.lock

# The guide for merchants: MkDocs and its theme stay in this stage.
FROM python:3.11.14-slim-bookworm AS guide
COPY docs/guide/requirements.lock /tmp/
RUN python -m venv /opt/guide \
    && /opt/guide/bin/python -m pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.lock
WORKDIR /srv/paytrust
COPY docs docs
RUN /opt/guide/bin/python -m mkdocs build --strict --quiet --config-file docs/guide/mkdocs.yml

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home paytrust
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/paytrust
COPY manage.py requirements-runtime.lock ./
COPY paytrust paytrust
COPY apikeys apikeys
COPY events events
COPY gateways gateways
COPY invoices invoices
COPY payments payments
COPY reporting reporting
COPY templates templates
COPY locale locale
COPY --from=guide /srv/paytrust/build/site build/site
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "python:paytrust.web.gunicorn", "paytrust.wsgi", "--bind", "0.0.0.0:8000"]
