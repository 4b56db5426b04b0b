"""Merchants' requests may add entries about the use of their keys (ADR 52).

`apikeys.tenants.policies` makes the policy after each `migrate`. With this migration a process that
needs the policy is not ready before that.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0002_newest_acts_of_a_kind")]
    operations = []
