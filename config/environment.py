"""The process environment, read strictly: every variable typed, every problem told at once.

django-environ reads the `.env` file and takes database addresses apart. Its casts are not used:
they take `flase` for False, an empty string for a value and a leading `$` for a reference.
"""

import os
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import environ

from config import parsers
from config.parsers import Parser, Value

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / ".env.example"


class Environment:
    """Answers with typed values, and keeps a list of what was wrong with the others.

    An empty variable counts as not set. A variable with a problem answers its default, so that
    reading goes on and one start shows all there is to mend.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []
        self.names: set[str] = set()
        self.debug = self.flag("DJANGO_DEBUG", default=False)

    def read(self, name: str, parse: Parser[Value], default: Value) -> Value:
        """The value of a variable that may be missing."""
        text = self._text_of(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as problem:
            self.refuse(name, str(problem))
            return default

    def need(self, name: str, parse: Parser[Value], development: Value, advice: str) -> Value:
        """The value of a variable that may be missing in development only."""
        if not self.debug and not self._text_of(name):
            self.refuse(name, f"is not set; {advice}")
        return self.read(name, parse, development)

    def refuse(self, name: str, problem: str) -> None:
        """Note one problem, in one line."""
        self.problems.append(f"{name}: {problem}")

    def is_set(self, name: str) -> bool:
        """Whether the variable says anything."""
        return bool(self._text_of(name))

    def text(self, name: str, default: str = "") -> str:
        """Any text, blanks around it removed."""
        return self.read(name, str, default)

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes or a no."""
        return self.read(name, parsers.flag, default)

    def integer(self, name: str, default: int, minimum: int = 0, maximum: int = 10**9) -> int:
        """A whole number within bounds."""
        return self.read(name, parsers.integer(minimum, maximum), default)

    def items(self, name: str, parse: Parser[Value]) -> list[Value]:
        """A comma-separated list, which may be empty."""
        nothing: list[Value] = []
        return self.read(name, parsers.items(parse), nothing)

    def milliseconds(self, name: str, default: int) -> timedelta:
        """A duration; all but one of our variables count in milliseconds."""
        return self.read(name, parsers.milliseconds, timedelta(milliseconds=default))

    def prefixes_of(self, part: str) -> list[str]:
        """What stands before this in the names that are set."""
        return sorted({name.partition(part)[0] for name in self._variables if part in name})

    def _text_of(self, name: str) -> str:
        self.names.add(name)
        return self._variables.get(name, "").strip()


def read_process_environment() -> Environment:
    """The environment of this process, completed from the `.env` file beside manage.py.

    DJANGO_ENV_FILE names another file; tests and the demo name the null device.
    """
    environ.Env.read_env(os.environ.get("DJANGO_ENV_FILE") or ROOT / ".env")
    return Environment(os.environ)


def stop_if_refused(environment: Environment) -> None:
    """End the process with one line a problem; nobody is helped by a traceback through Django."""
    if environment.problems:
        sys.stderr.write("".join(f"{problem}\n" for problem in environment.problems))
        raise SystemExit(2)


def documented_names() -> list[str]:
    """Every variable that `.env.example` documents, which a test holds against what is read."""
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", EXAMPLE.read_text(), re.MULTILINE)
