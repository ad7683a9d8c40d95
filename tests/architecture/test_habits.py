"""The rules of the house that no linter knows: each is read off the source itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.environment import ROOT

_APPS = ("config", "payments", "webhooks", "monitoring", "sandbox")
_GENERATED = {"migrations", "var", "__pycache__"}


def _files(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """Our own files below these folders, by their path from the root."""
    found = (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*"))
    return sorted(
        path
        for path in found
        if path.suffix in suffixes and not _GENERATED & {*path.parts} and not _is_hidden(path)
    )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), str(path))


def _at(path: Path, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 1)}"


_SOURCES = _files(*_APPS)
_EVERYTHING = _files(*_APPS, "tests")


def test_every_module_says_what_lives_there() -> None:
    silent = [
        str(path) for path in _EVERYTHING if _tree(path).body and not ast.get_docstring(_tree(path))
    ]
    assert silent == []


def test_no_file_outgrows_what_can_be_read_at_once() -> None:
    def limit(path: Path) -> int:
        return 400 if path.parts[:2] == ("payments", "gateways") else 300

    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in _SOURCES}
    assert {str(path): n for path, n in lengths.items() if n > limit(path)} == {}


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        _at(path, node)
        for path in _SOURCES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert long == []


def _writes_of_status(tree: ast.Module) -> Iterator[ast.AST]:
    """`x.status = …`, `.update(status=…)`, `bulk_update(…, ["status"])`, and `setattr` at all."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="status", ctx=ast.Store()):
                yield node
            case ast.Call(func=ast.Attribute(attr="update"), keywords=keywords):
                if any(keyword.arg == "status" for keyword in keywords):
                    yield node
            case ast.Call(func=ast.Attribute(attr="bulk_update")):
                if any(isinstance(n, ast.Constant) and n.value == "status" for n in ast.walk(node)):
                    yield node
            case ast.Call(func=ast.Name(id="setattr")):
                yield node


def test_a_payments_status_has_one_writer() -> None:
    # Rows of the outbox and of the inbox have a status of their own.
    own = {Path("payments/lifecycle.py"), *_files("payments/events")}
    elsewhere = [path for path in _files("payments") if path not in own]
    written = [_at(path, node) for path in elsewhere for node in _writes_of_status(_tree(path))]
    assert written == []
    assert [*_writes_of_status(_tree(Path("payments/lifecycle.py")))]


def test_webhooks_never_write_a_payment() -> None:
    targets = [
        _at(path, node)
        for path in _files("webhooks", "monitoring")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and "payment" in ast.unparse(node.value)
    ]
    assert targets == []


# What handles amounts. The transport counts seconds, and those may have fractions.
_NEAR_MONEY = [
    path
    for path in _files("payments")
    if path.name in {"money.py", "currencies.py", "news.py", "operations.py", "lifecycle.py"}
    or path.parts[1] in {"ledger", "ledger.py", "services", "models"}
    or (path.parts[1] == "gateways" and path.name != "transport.py")
    or path.name == "serializers.py"
]


def test_there_is_no_float_near_money() -> None:
    def is_float(node: ast.AST) -> bool:
        match node:
            case ast.Constant(value=float()) | ast.Name(id="float") | ast.BinOp(op=ast.Div()):
                return True
            case ast.Attribute(attr="FloatField"):
                return True
        return False

    found = [
        _at(path, node) for path in _NEAR_MONEY for node in ast.walk(_tree(path)) if is_float(node)
    ]
    assert found == []


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("folders", "stranger"),
    [
        (["payments/gateways"], "django.db"),
        (["payments/gateways"], "django.http"),
        (["payments/services", "payments/models", "payments/events"], "django.http"),
        (["payments/crypto", "payments/events"], "django.contrib"),
    ],
)
def test_a_floor_does_not_know(folders: list[str], stranger: str) -> None:
    known = [
        str(path)
        for path in _files(*folders)
        if any(i.startswith(stranger) for i in _imports(path))
    ]
    assert known == []


def test_only_the_transport_opens_a_socket_to_a_gateway() -> None:
    dialling = {"socket", "requests", "urllib.request", "http.client", "urllib3"}
    callers = {
        str(path)
        for path in _files("payments", "webhooks", "monitoring")
        if any(name == d or name.startswith(f"{d}.") for name in _imports(path) for d in dialling)
    }
    # The other opens none: it hangs up on a database that is silent.
    assert callers == {"payments/gateways/transport.py", "payments/replica.py"}


_WRITTEN = _files(
    *_APPS,
    "tests",
    "templates",
    "deploy",
    "docs",
    suffixes=(".py", ".html", ".md", ".yml", ".js", ".css"),
) + [
    path.relative_to(ROOT)
    for pattern in ("*.md", "*.toml", "*.yml", "*.py", "Makefile", ".env.example", ".ci/run")
    for path in ROOT.glob(pattern)
]


def test_nothing_names_the_machine_it_was_written_on() -> None:
    path_of_a_machine = re.compile(r"(?<![\w.])/(?:work|root|farm|home/\w+)/")
    assert [str(p) for p in _WRITTEN if path_of_a_machine.search((ROOT / p).read_text())] == []


def test_nothing_is_left_for_later() -> None:
    unfinished = re.compile(
        r"\b(?:TO[D]O|FIX[M]E)\b|NotImplemented[E]rror|pytest\.(?:mark\.)?(?:ski[p]|xfai[l])"
    )
    assert [str(p) for p in _WRITTEN if unfinished.search((ROOT / p).read_text())] == []


def test_the_locks_hold_versions_and_hashes_and_nothing_else() -> None:
    line = re.compile(
        r"[a-z0-9-]+==[\w.]+(?: ; [^\\/]+)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?|-r base\.txt"
    )
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        strange = [text for text in lock.read_text().splitlines() if not line.fullmatch(text)]
        assert strange == [], lock.name


def test_each_lock_agrees_with_the_others() -> None:
    versions: dict[str, set[str]] = {}
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        for name, version in re.findall(r"^([a-z0-9-]+)==([\w.]+)", lock.read_text(), re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
