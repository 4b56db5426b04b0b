"""Pages of long lists. The count stops at a limit, because counting a million rows is slow."""

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

PAGES = 200  # for older rows, filters and search are quicker


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # the admin makes it, of any rows
    """Counts only to the end of its last page."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most as many as the pages can show."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return rows.order_by()[: self.per_page * PAGES].count()

    @property
    def is_capped(self) -> bool:
        """Return whether there may be more rows than the pages show."""
        return self.count >= self.per_page * PAGES
