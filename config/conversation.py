"""What a worker does is a conversation of its own, unless it goes on with another."""

from typing import Any

from celery import Task

_HEADER = "conversation"


class ConversingTask(Task):  # type: ignore[misc] # untyped there
    """A task whose events and log lines bear one correlation id, and say that a worker acted.

    Who sends it sends the id along, in a header of the message.
    """

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send it, as part of the conversation in which it is sent."""
        from payments.events import context  # noqa: PLC0415 - tasks are made before the apps are

        headers = {_HEADER: context.current().correlation_id} | (options.pop("headers", None) or {})
        return super().apply_async(*args, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from payments.events import context  # noqa: PLC0415 - tasks are made before the apps are

        known = self.request.get(_HEADER) or context.current().correlation_id
        with context.bound(correlation_id=context.accepted_or_new(known), source="worker"):
            return super().__call__(*args, **kwargs)
