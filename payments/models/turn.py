"""Whose turn it is to do what only one may do at a time."""

from django.db import models


class Turn(models.Model):
    """One kind of work; nobody is at it where there is no token, or where its time is over."""

    name = models.CharField(max_length=80, primary_key=True)
    token = models.UUIDField(null=True)
    ends_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return self.name
