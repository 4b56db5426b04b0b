"""Work that is measured inside Django, in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

from bench.stack import CannotMeasure, Stack
from paytrust.localstack.embedded import PROJECT

SECRETS = ("SECRET_KEY", "ADMIN_API_KEY", "API_KEY_PEPPER", "CREDENTIAL_KEYS")
START = """
import django, runpy, sys
django.setup()  # before anything imports a model
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def environment(stack: Stack) -> dict[str, str]:
    """Return what PayTrust's settings want of a process that works on a stack's database."""
    return (
        dict(os.environ)
        | dict.fromkeys(SECRETS, "-" * 32)  # nothing is signed, sealed or looked up
        | {
            "DJANGO_SETTINGS_MODULE": "paytrust.settings",
            "DATABASE_URL": stack.database_url,
            "REDIS_URL": "redis://127.0.0.1:9/0",  # nothing is sent there
        }
    )


def ran(stack: Stack, module: str, *arguments: object) -> Any:  # noqa: ANN401  # as JSON has it
    """Run a module and return what it wrote: one line of JSON.

    Raises:
        CannotMeasure: it failed.
    """
    ended = subprocess.run(
        [sys.executable, "-c", START, module, *map(str, arguments)],
        cwd=PROJECT,
        env=environment(stack),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise CannotMeasure(ended.stderr.strip())
    return json.loads(ended.stdout)
