"""Drop the status of a stored answer, which nothing reads: a replay is always HTTP 200."""

from django.db import migrations, models

ANSWERED = {"completed_at__isnull": False, "response_body__isnull": False}
NAME = "idempotency_completed_has_answer"


def has_answer(**answered: bool) -> models.CheckConstraint:
    running = models.Q(completed_at=None, state__in=["in_progress", "released"])
    return models.CheckConstraint(
        condition=running | models.Q(state="completed", **answered), name=NAME
    )


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0003_names_for_staff")]

    operations = [
        migrations.RemoveConstraint(model_name="idempotencyrecord", name=NAME),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(model_name="idempotencyrecord", name="response_status"),
            ],
            database_operations=[
                # On the way back every answer gets the status that its replays had.
                migrations.RunSQL(
                    "ALTER TABLE apikeys_idempotencyrecord DROP COLUMN response_status",
                    """ALTER TABLE apikeys_idempotencyrecord ADD COLUMN response_status smallint
                           DEFAULT 200 CHECK (response_status >= 0);
                       ALTER TABLE apikeys_idempotencyrecord
                           ALTER COLUMN response_status DROP DEFAULT""",
                ),
            ],
        ),
        migrations.AddConstraint(model_name="idempotencyrecord", constraint=has_answer(**ANSWERED)),
    ]
