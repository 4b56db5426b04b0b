"""Pages of long lists: counted up to a limit, because counting a million rows takes its time."""

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

PAGES = 200  # further back, filters and search are quicker


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # the admin makes it, of any rows
    """Counts no further than its last page."""

    @cached_property
    def count(self) -> int:
        """Rows, up to the most that the pages can show."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return rows.order_by()[: self.per_page * PAGES].count()

    @property
    def is_capped(self) -> bool:
        """Whether there may be more rows than the pages show."""
        return self.count >= self.per_page * PAGES
