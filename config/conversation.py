"""What a worker does is a conversation of its own, unless it goes on with another."""

from typing import Any

from celery import Task


class ConversingTask(Task):  # type: ignore[misc] # untyped there
    """A task whose events and log lines bear one correlation id, and say that a worker acted."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from payments.events import context  # noqa: PLC0415 - tasks are made before the apps are

        known = context.current().correlation_id
        with context.bound(correlation_id=context.accepted_or_new(known), source="worker"):
            return super().__call__(*args, **kwargs)
