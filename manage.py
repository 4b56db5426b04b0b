#!/usr/bin/env python
"""Entry point of Django's commands."""

import os
import sys

OWNERS_COMMANDS = {"migrate", "flush", "sqlflush", "backup"}  # need more than rows: see ADR 0031


def main() -> None:
    if OWNERS_COMMANDS.intersection(sys.argv[1:2]):
        os.environ.setdefault("DATABASE_AS_OWNER", "true")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paytrust.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
