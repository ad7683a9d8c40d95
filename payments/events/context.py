"""Who is acting, and in which conversation: carried along without being passed along."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import asdict, dataclass, replace

from uuid_utils.compat import uuid7

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Context:
    """What every event and log line remembers of where it came from."""

    correlation_id: str = ""
    causation_id: str = ""
    source: str = "shell"
    actor: str = ""
    session_id: str = ""
    ip_address: str = ""
    user_agent: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """The envelope's `metadata`: everything but the two ids it has fields for."""
        facts = asdict(self) | {"user_id": self.actor, "trace_id": "", "span_id": ""}
        return {k: v for k, v in facts.items() if k not in _OWN_FIELDS}


_OWN_FIELDS = {"correlation_id", "causation_id", "actor"}
_current: ContextVar[Context] = ContextVar("context", default=Context())  # noqa: B039 - frozen


def current() -> Context:
    """The context of this thread or task."""
    return _current.get()


@contextmanager
def bound(**facts: str) -> Iterator[Context]:
    """Act with these facts; what was there before comes back at the end, whatever happens."""
    token = _current.set(replace(_current.get(), **facts))
    try:
        yield _current.get()
    finally:
        _current.reset(token)


def act_as(actor: str) -> None:
    """Name who acts, from here to the end of what is bound."""
    _current.set(replace(_current.get(), actor=actor))


def carried(function: Callable[[], object]) -> Callable[[], None]:
    """The function, to be called later, by whomever, in the conversation of now."""
    here = copy_context()

    def carry() -> None:  # not a partial: Django names by their name those that fail
        here.run(function)

    return carry


def accepted_or_new(correlation_id: str | None) -> str:
    """The caller's id if it is harmless in headers and logs, else a new one."""
    if correlation_id and _ACCEPTABLE.fullmatch(correlation_id):
        return correlation_id
    return uuid7().hex
