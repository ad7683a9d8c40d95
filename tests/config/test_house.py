"""What surrounds the code: content policies, paths, log lines, and the servers of a test run."""

import json
import logging
import os
import subprocess
import sys

import pytest
from django.test import Client

from config.environment import ROOT
from config.logs import logging_settings
from payments.events.context import bound


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/api/docs", "/payments/v2", "/nothing-here"])
def test_scripts_come_from_our_own_files_only(client: Client, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.django_db
def test_the_console_alone_may_evaluate_its_own_attributes(client: Client) -> None:
    policy = client.get("/admin/login/").headers["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "http" not in policy


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/api/docs", "/api/schema", "/health", "/health/live", "/health/ready"]
)
def test_a_trailing_slash_makes_no_difference(client: Client, path: str) -> None:
    assert client.get(path).status_code == client.get(f"{path}/").status_code == 200


def _line_in_production(record: logging.LogRecord) -> str:
    formatter = logging_settings("INFO", readable=False)["formatters"]["lines"]
    return str(formatter.pop("()")(**formatter).format(record))


def test_a_log_line_is_an_object_that_names_its_conversation() -> None:
    record = logging.makeLogRecord({"name": "somebody", "levelname": "INFO", "msg": "paid – بخير"})
    with bound(correlation_id="c-1"):
        said = json.loads(_line_in_production(record))
    assert said["event"] == "paid – بخير"
    assert said["correlation_id"] == "c-1"
    assert said["logger"] == "somebody"


@pytest.mark.django_db
def test_what_a_payers_browser_carries_back_is_in_no_line(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    carried = "payment=nonsense&payment_intent_client_secret=pi_1_secret_2"
    assert client.get(f"/payments/v2/return?{carried}").status_code == 400
    (line,) = map(_line_in_production, caplog.records)
    assert json.loads(line)["request"] == "GET /payments/v2/return"
    assert "secret" not in line


def test_a_traceback_stays_in_its_line() -> None:
    try:
        int("no number")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})
    line = _line_in_production(record)
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_a_server_that_is_missing_is_an_error_and_not_a_skip() -> None:
    nobody = {
        "DATABASE_URL": "postgres://me:geheim@127.0.0.1:1/x",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "config.services"],
        cwd=ROOT,
        env=os.environ | nobody,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    names = [line.partition(":")[0] for line in done.stderr.splitlines()]
    assert names == ["DATABASE_URL", "REDIS_URL"]
    assert "geheim" not in done.stderr
