"""Logging: one JSON object a line, or coloured text in development, each with its conversation."""

import sys
from typing import Any

import structlog
from django.http import HttpRequest
from structlog.typing import EventDict, Processor, WrappedLogger


def _add_conversation(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name the conversation in every line."""
    from payments.events.context import current  # noqa: PLC0415 - logging comes before the apps

    if current().correlation_id:
        event.setdefault("correlation_id", current().correlation_id)
    return event


def _hide_query(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Django logs a request with its whole address, where payers' browsers carry secrets back."""
    if isinstance(event.get("request"), HttpRequest):
        event["request"] = f"{event['request'].method} {event['request'].path}"
    return event


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    _add_conversation,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    _hide_query,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_structlog() -> None:
    """Send what structlog's own loggers say through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_settings(level: str, *, readable: bool) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, where a supervisor collects it."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": _renderers(readable=readable),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        # Django would add a console handler of its own in development, and every line twice.
        # Of the worker only trouble: it would tell every sweep that found nothing.
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "celery": {"level": "WARNING"},
        },
    }


def _renderers(*, readable: bool) -> list[Processor]:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if readable:
        # Plain tracebacks: the rich ones print local variables, and with them every secret.
        plain = structlog.dev.plain_traceback
        colours = sys.stderr.isatty()
        return [drop, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    return [drop, structlog.processors.format_exc_info, render]
