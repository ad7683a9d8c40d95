"""What a new event asks of the database, in the words of pgbench.

Two events are sent through the service in this process, and their statements are written down.
What differs between the two by the payment's number becomes `:n`; what is new each time (the ids
of new rows) becomes a name made of it; everything else is sent as it was.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.test import Client
from psycopg import Binary
from psycopg.types.json import Jsonb

from bench.speed.notices import HOST, Names, Stationery

Statement = tuple[str, tuple[Any, ...]]
_CASTS = {UUID: "uuid", datetime: "timestamptz", Binary: "bytea", Jsonb: "jsonb"}


def captured(deliver: Callable[[], object]) -> list[Statement]:
    """Every statement that a delivery sends, with its parameters."""
    heard: list[Statement] = []
    with connection.execute_wrapper(_listener(heard)):
        deliver()
    return heard


def _listener(heard: list[Statement]) -> Callable[..., Any]:
    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        heard.append((sql, tuple(params or ())))
        return execute(sql, params, many, context)

    return listen


@dataclass(slots=True)
class Script:
    """A transaction for pgbench, and the variables that it speaks of."""

    number: int
    new: dict[UUID, int]
    lines: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def add(self, sql: str, params: tuple[Any, ...]) -> None:
        """One more statement."""
        pieces = [piece.replace("%%", "%") for piece in sql.split("%s")]
        said = [piece + self._term(param) for piece, param in zip(pieces, params, strict=False)]
        self.lines.append("".join(said) + pieces[-1] + ";")

    def _term(self, param: Any) -> str:
        if param is None or isinstance(param, int | float):
            return "NULL" if param is None else str(param).lower()
        text = _text_of(param)
        if isinstance(param, UUID) and param in self.new:
            text = f"{self.new[param]:08x}-0000-7000-8000-{self.number}"
        cast = next((name for kind, name in _CASTS.items() if isinstance(param, kind)), "")
        parts = text.split(str(self.number))
        if len(parts) == 1:
            return self._variable(text) + (f"::{cast}" if cast else "")
        joined = " || :n::text || ".join(f"{self._variable(part)}::text" for part in parts)
        return f"({joined})" + (f"::{cast}" if cast else "")

    def _variable(self, text: str) -> str:
        if not text:
            return "''"  # pgbench has no empty variables
        name = f"v{len(self.variables)}"
        self.variables[name] = text
        return f":{name}"


def _text_of(param: Any) -> str:
    if isinstance(param, Jsonb):
        return json.dumps(param.obj)
    if isinstance(param, Binary):
        return "\\x" + bytes(param.obj).hex()
    if isinstance(param, list):
        return "{" + ",".join(json.dumps(_text_of(each)) for each in param) + "}"
    return param.isoformat() if isinstance(param, datetime) else str(param)


def script_of(number: int, one: list[Statement], other: list[Statement]) -> Script:
    """The transaction of an event of payment `number`; `other` is that of another event."""
    if [sql for sql, _ in one] != [sql for sql, _ in other]:
        raise ValueError("two new events did not ask the same of the database")
    known = {param for _, params in other for param in params if isinstance(param, UUID)}
    ids = [param for _, params in one for param in params if isinstance(param, UUID)]
    fresh = [each for each in dict.fromkeys(ids) if each not in known]
    fresh = [each for each in fresh if not str(each).endswith(str(number))]
    script = Script(number, {each: place for place, each in enumerate(fresh)})
    for sql, params in one:
        script.add(sql, params)
    return script


def _deliver(stationery: Stationery, number: int) -> None:
    body, signature = stationery.signed(number, str(number))
    headers = {"host": HOST, "stripe-signature": signature}
    path = "/webhooks/payments/stripe"
    answer = Client().post(path, body, "application/json", secure=True, headers=headers)
    if answer.json().get("status") != "processed":
        raise RuntimeError(f"a new event was answered {answer.content!r}")


def main(first: str, operation: str, session: str) -> dict[str, object]:
    """The script of an event of payment `first`; the next payment is used up too."""
    secret, number = settings.PROVIDERS["stripe"]["webhook_secrets"][0], int(first)
    stationery = Stationery("", secret, Names(operation, session))
    one = captured(lambda: _deliver(stationery, number))
    other = captured(lambda: _deliver(stationery, number + 1))
    script = script_of(number, one, other)
    return {"lines": script.lines, "variables": script.variables}
