"""Live, ready, degraded: what can be said of this process and what it stands on."""

from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from payments import replica
from payments.resilience import registry


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise RuntimeError("migrations are not applied; run: manage.py migrate")


def _cache() -> None:
    # One that outlives its Redis never fails; so it is asked whether it has to.
    ping = getattr(cache, "ping", None)
    if ping:
        ping()


def _breakers() -> None:
    if settings.REDIS_URL and registry.is_degraded(settings.REDIS_URL):
        raise RuntimeError("each process decides alone; their Redis does not answer")


def _replica() -> None:
    if replica.is_configured() and not replica.keeps_up():
        raise RuntimeError("away or too far behind; the primary answers for it")


# Without these we cannot serve; without the rest we are only slower.
NEEDED: dict[str, Callable[[], None]] = {"database": _database, "migrations": _migrations}
HELPFUL: dict[str, Callable[[], None]] = {
    "cache": _cache,
    "breakers": _breakers,
    "replica": _replica,
}


def checked(checks: dict[str, Callable[[], None]]) -> dict[str, str]:
    """Run checks; answers `ok` or what is wrong, without naming hosts to strangers."""
    return {name: _said(check) for name, check in checks.items()}


def _said(check: Callable[[], None]) -> str:
    try:
        check()
    except RuntimeError as error:
        return str(error)
    except (Error, RedisError, OSError) as error:
        return f"unreachable ({type(error).__name__})"
    return "ok"


def verdict() -> tuple[str, dict[str, str]]:
    """`ok`, `degraded` or `down`, and why."""
    needed, helpful = checked(NEEDED), checked(HELPFUL)
    if any(said != "ok" for said in needed.values()):
        return "down", needed | helpful
    fine = all(said == "ok" for said in helpful.values())
    return ("ok" if fine else "degraded"), needed | helpful
