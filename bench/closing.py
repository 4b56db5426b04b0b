"""The process that closes every day that is over and is not closed yet."""

import json
import sys

from django.utils import timezone

from reporting.financial import rollups

if __name__ == "__main__":
    days = rollups.close_days(now=timezone.now())
    sys.stdout.write(json.dumps(len(days)))
