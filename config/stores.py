"""Where things are kept: the database, the cache and the broker, from addresses or their parts."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ

from config import parsers
from config.environment import Environment

# The lock is taken when a transaction begins: one that reads first and writes later would
# otherwise fail at once with "database is locked", without waiting for the timeout.
# Who opens the file for each request reads its schema anew each time, and the last one to close it
# tidies its log away, which takes longer than the request: it is kept open.
# Recursive triggers keep INSERT OR REPLACE from slipping past the guards of append-only tables.
_ON_SQLITE = {
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON"
        ),
    },
}
_POSTGRESQL = "config.postgresql"
_PATIENCE = {
    "connect_timeout": 3,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
_REDIS_PATIENCE = {"socket_connect_timeout": 0.25, "socket_timeout": 0.25}
# Nobody needs the replica enough to wait for it: there is the primary.
_REPLICA_PATIENCE = {"connect_timeout": 1, "tcp_user_timeout": 3000}

# A worker asks for a second at a time; whoever sends must not wait for a broker that hangs.
_BROKER_PATIENCE = {"socket_connect_timeout": 2, "socket_timeout": 2}


def database(env: Environment, folder: Path) -> dict[str, Any]:
    """DATABASE_URL, else the DB_ parts, else a SQLite file in `folder`."""
    address = env.read("DATABASE_URL", parsers.address_of(*_DATABASE_SCHEMES), "")
    parts = _database_parts(env)
    through_proxy = not env.flag("DATABASE_SERVER_SIDE_BINDING", default=True)
    if address:
        config: dict[str, Any] = environ.Env.db_url_config(address)
    elif parts["HOST"]:
        config = parts
    else:
        folder.mkdir(exist_ok=True)
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "ballast.sqlite3")}
    if config.get("ENGINE", "").endswith("sqlite3"):
        return config | _ON_SQLITE
    return _on_postgresql(config, through_proxy=through_proxy)


_DATABASE_SCHEMES = ("postgres", "postgresql", "sqlite")


def databases(env: Environment, folder: Path) -> dict[str, dict[str, Any]]:
    """The primary, and the replica of DATABASE_REPLICA_URL where there is one."""
    found = {"default": database(env, folder)}
    address = env.read("DATABASE_REPLICA_URL", parsers.address_of(*_DATABASE_SCHEMES[:2]), "")
    if not address:
        return found
    if found["default"]["ENGINE"].endswith("sqlite3"):
        env.refuse("DATABASE_REPLICA_URL", "its primary is no PostgreSQL; set DATABASE_URL too")
    through_proxy = not env.flag("DATABASE_SERVER_SIDE_BINDING", default=True)
    config = _on_postgresql(environ.Env.db_url_config(address), through_proxy=through_proxy)
    return found | {"replica": config | {"OPTIONS": config["OPTIONS"] | _REPLICA_PATIENCE}}


def _database_parts(env: Environment) -> dict[str, Any]:
    return {
        "HOST": env.text("DB_HOST"),
        "PORT": env.integer("DB_PORT", 5432, 1, 65535),
        "NAME": env.text("DB_NAME", "ballast"),
        "USER": env.text("DB_USER", "ballast"),
        "PASSWORD": env.text("DB_PASSWORD"),
    }


def _on_postgresql(config: dict[str, Any], *, through_proxy: bool) -> dict[str, Any]:
    """Kept connections and prepared statements; a network that swallows them is noticed.

    A transaction-pooling proxy gives each transaction another session, where nothing is prepared.
    """
    speed = {} if through_proxy else {"server_side_binding": True, "prepare_threshold": 1}
    options = _PATIENCE | speed | config.get("OPTIONS", {})
    kept = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    return config | {"ENGINE": _POSTGRESQL, "OPTIONS": options} | kept


def redis_address(env: Environment) -> str:
    """REDIS_URL, else one made of the REDIS_ parts, else nothing."""
    host, port = env.text("REDIS_HOST"), env.integer("REDIS_PORT", 6379, 1, 65535)
    password = env.text("REDIS_PASSWORD")
    login = f":{quote(password, safe='')}@" if password else ""
    made = f"redis://{login}{host}:{port}/0" if host else ""
    return env.read("REDIS_URL", parsers.address_of("redis", "rediss"), made)


def cache(redis: str, prefix: str) -> dict[str, Any]:
    """Redis where there is one, else memory of this process."""
    if not redis:
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "KEY_PREFIX": prefix,
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # counters must not push each other out
        }
    return {
        "BACKEND": "config.cache.SurvivingRedisCache",
        "LOCATION": redis,
        "KEY_PREFIX": prefix,
        "OPTIONS": _REDIS_PATIENCE,
    }


def broker(env: Environment, redis: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """CELERY_BROKER_URL, else Redis, else files in `folder`: address and transport options.

    The files may lose a message in a crash. Nothing is lost by that: rows are the queue of
    record, and every task has a sweep behind it.
    """
    address = env.read("CELERY_BROKER_URL", parsers.address_of(*_BROKER_SCHEMES), redis)
    if address.startswith(("redis", "rediss")):
        return address, _BROKER_PATIENCE
    if address and not address.startswith("filesystem"):
        return address, {}
    messages, control = folder / "broker" / "messages", folder / "broker" / "control"
    for directory in (messages, control):
        directory.mkdir(parents=True, exist_ok=True)
    return "filesystem://localhost", {
        "polling_interval": 0.2,
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(control),
    }


_BROKER_SCHEMES = ("redis", "rediss", "amqp", "amqps", "filesystem", "memory")
