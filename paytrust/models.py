"""Rows of the project as a whole."""

from django.db import models


class Lease(models.Model):
    """Which of several processes may act, and until when: one row a role, such as beat.

    No tenant's: it says nothing about anybody's money.
    """

    role = models.CharField(max_length=20, primary_key=True)
    holder = models.CharField(max_length=100)  # host, process and a random part
    held_until = models.DateTimeField()  # by the database's clock

    def __str__(self) -> str:
        return f"{self.role}: {self.holder}"
