"""`python -m tests.clients [--python]`: generate API clients, check their types, drive each.

Each of other people's generators makes a client from the document that a live stack serves. The
client's types are checked together with a journey that uses it; then the journey creates an
invoice, pays it, refunds a part and reads the report. With `--python`, only the two whose
generators are written in Python run, and the linters are left out.
"""

import argparse
import json
import os
import signal
import sys
import time
from functools import partial
from typing import Final

import requests

from paytrust.localstack import embedded, stack
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from paytrust.localstack.stack import Stack, StackFailed
from tests.clients import tools
from tests.clients.generators import GENERATORS, Generator, lint

WORK: Final = PROJECT / "build" / "clients" / "work"
DOCUMENTS: Final = ("openapi.json", "openapi-admin.json")


def main() -> int:
    """Run, print a line for each, and exit 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=main.__doc__)
    parser.add_argument("--python", action="store_true", help="only the two written in Python")
    parser.add_argument("--only", nargs="*", help="the generators of these names")
    given = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # leaves through `finally`
    chosen = [
        one
        for one in GENERATORS
        if (one.is_python or not given.python) and (not given.only or one.name in given.only)
    ]
    tools.install_python()
    if any(not one.is_python for one in chosen):
        tools.install_node()
    state = PROJECT / (os.environ.get("PAYTRUST_STATE") or ".paytrust") / "clients"
    here = Stack(state.resolve(), free_port(), free_port())
    try:
        state.mkdir(parents=True, exist_ok=True)
        stack.up(here)
        return run(here, chosen, with_lint=not (given.python or given.only))
    except (StackFailed, embedded.ServerFailed) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    finally:
        stack.reset(here)


def run(here: Stack, chosen: list[Generator], *, with_lint: bool) -> int:
    """Generate and drive the clients that were chosen against a stack that serves."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        answer = requests.get(f"{here.base_url}/{name}", timeout=60)
        answer.raise_for_status()
        (WORK / name).write_bytes(answer.content)
    known = json.loads(here.description.read_text())
    environment = {"BASE_URL": known["base_url"], "API_KEY": known["api_key"]}
    failures = 0
    if with_lint:
        failures += _line("redocly and spectral", partial(lint, WORK, DOCUMENTS))
    for generator in chosen:
        failures += _line(generator.name, partial(generator.prove, WORK, environment))
    sys.stdout.write(f"{len(chosen) + with_lint - failures} passed, {failures} failed\n")
    return 1 if failures else 0


def _line(name: str, prove: tools.Step) -> int:
    began = time.monotonic()
    try:
        said = prove()
    except tools.Failed as failure:
        sys.stdout.write(f"{name:30} FAILED\n{failure}\n")
        return 1
    sys.stdout.write(f"{name:30} {said} ({time.monotonic() - began:.0f} s)\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
