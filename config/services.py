"""Whether the servers answer that `make test-services` is to run on: `python -m config.services`.

A suite that skips what it cannot reach proves nothing, so a missing server is an error.
"""

import os
import sys

import psycopg
import redis

_ADVICE = "start it, or name another"


def _postgresql_problem(address: str) -> str | None:
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.Error as problem:
        return f"DATABASE_URL: PostgreSQL does not answer ({_cause_of(problem)}); {_ADVICE}"
    return None


def _redis_problem(address: str) -> str | None:
    try:
        with redis.Redis.from_url(address, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as problem:
        return f"REDIS_URL: Redis does not answer ({_cause_of(problem)}); {_ADVICE}"
    return None


def _cause_of(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]


def main() -> int:
    """Exit status 2 and a line a problem, like every mistake in the environment."""
    problems = [
        _postgresql_problem(os.environ["DATABASE_URL"]),
        _redis_problem(os.environ["REDIS_URL"]),
    ]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems if problem))
    return 2 if any(problems) else 0


if __name__ == "__main__":
    sys.exit(main())
