"""`manage.py migrate` on a developer's machine: Django's own, in a quarter of its time.

When a migration adds an index, a constraint or a trigger, Django builds the classes of that model
and of its neighbours again. Most of the time of our migrations goes there. This command adds to the
class that is there already. An image has Django's own command; a test compares what both make.
"""

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from django.core.management.commands import migrate
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  # as Django
        with ExitStack() as replaced:
            replaced.enter_context(patch.object(ProjectState, "_append_option", _append_option))
            replaced.enter_context(patch.object(AddTrigger, "state_forwards", _add_trigger))
            super().handle(*args, **options)


def _append_option(
    state: ProjectState, app_label: str, model_name: str, option: str, added: object
) -> None:
    """Add to a model's options, and to its class if there is one."""
    options = state.models[app_label, model_name.lower()].options
    options[option] = [*options.get(option, []), added]
    if "apps" in state.__dict__:  # hasattr would build all classes
        meta = state.apps.get_model(app_label, model_name)._meta  # noqa: SLF001  # public
        setattr(meta, option, [*getattr(meta, option, []), added])


def _add_trigger(operation: AddTrigger, app_label: str, state: ProjectState) -> None:
    _append_option(state, app_label, operation.model_name, "triggers", operation.trigger)
