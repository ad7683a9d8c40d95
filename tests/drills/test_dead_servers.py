"""PostgreSQL, Redis or the broker is gone: quick answers, nothing half done, back by itself."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests

from tests.drills.stage import Stage, in_time

pytestmark = pytest.mark.servers
PAYMENTS = "SELECT count(*) FROM payments_payment"


@pytest.fixture(scope="module")
def running() -> Iterator[Stage]:
    """Not in pytest's own folder: PostgreSQL runs as somebody else, who may not look in there."""
    with TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Stage(folder) as stage:
            yield stage


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """All well, before and after."""
    running.turn(mode="up")
    yield running
    running.recover()


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def take_database(stage: Stage, trouble: str) -> None:
    if trouble == "gone":
        stage.postgres.stop()
    else:
        stage.signal_postgres(signal.SIGSTOP)


def give_database_back(stage: Stage, trouble: str) -> None:
    if trouble == "gone":
        stage.postgres.restart("immediate")
    else:
        stage.signal_postgres(signal.SIGCONT)
    in_time(lambda: stage.status("/health/ready") == 200)


@pytest.mark.parametrize("trouble", ["gone", "hung"])
def test_without_its_database_everything_says_503_and_comes_back_by_itself(
    stage: Stage, trouble: str
) -> None:
    payment, reference = stage.started()
    before, key = stage.count(PAYMENTS), {"Idempotency-Key": f"asked-for-while-it-was-{trouble}"}
    take_database(stage, trouble)
    for answer in (
        stage.create(**key),
        stage.get(f"/{payment}"),
        stage.post(f"/process/{payment}"),
    ):
        assert code(answer) == (503, "service_unavailable")
        assert answer.headers["Retry-After"]
    assert stage.status("/health/live") == 200
    assert stage.status("/health/ready") == 503
    stage.approve(reference)
    in_time(lambda: stage.answers_to(reference) == {"503"})
    give_database_back(stage, trouble)
    assert stage.count(PAYMENTS) == before
    first, again = stage.create(**key), stage.create(**key)
    assert (first.status_code, again.json()) == (201, first.json())
    in_time(lambda: stage.status_of(payment) == "completed")


@pytest.mark.parametrize("trouble", ["gone", "hung"])
def test_a_database_that_dies_while_the_provider_thinks_leaves_no_guess(
    stage: Stage, trouble: str
) -> None:
    payment = stage.create().json()["id"]
    pages = len(stage.told("payments"))
    stage.turn(mode="slow", latency_ms=1200)
    with ThreadPoolExecutor(1) as merchant:
        answer = merchant.submit(stage.post, f"/process/{payment}")
        in_time(lambda: len(stage.told("payments")) > pages)
        take_database(stage, trouble)
        assert code(answer.result()) == (504, "provider_timeout")
    stage.turn(mode="up")
    give_database_back(stage, trouble)
    assert stage.get(f"/{payment}").json()["outcome"] in ("pending", "unknown")
    stage.approve(stage.told("payments")[-1]["transaction_ref"])
    in_time(lambda: stage.status_of(payment) == "completed")


@pytest.mark.parametrize("trouble", ["killed", "hung", "flushed"])
def test_without_redis_it_is_slower_and_never_wrong(stage: Stage, trouble: str) -> None:
    stage.started()
    if trouble == "killed":
        stage.redis.kill()
    elif trouble == "hung":
        stage.redis.signal(signal.SIGSTOP)
    else:
        stage.empty_redis()
    payment, reference = stage.started()
    # Where Redis is away, the process counts.
    statuses = [stage.post(f"/process/{payment}").status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    assert stage.status("/health/ready") == 200
    stage.approve(reference)
    in_time(lambda: stage.answers_to(reference) == {"200"})


def test_without_its_broker_work_waits_in_rows_and_is_done_later(stage: Stage) -> None:
    payment, reference = stage.started()
    stage.redis.kill()
    stage.approve(reference)
    in_time(lambda: stage.answers_to(reference) == {"200"})
    assert stage.status_of(payment) == "requires_action"
    stage.redis.start()
    in_time(lambda: stage.status_of(payment) == "completed")


def test_a_process_that_ends_tells_of_its_last_calls(stage: Stage) -> None:
    lookups = "SELECT count(*) FROM payments_gatewaycall WHERE breaker = 'paytabs-verify'"
    before, _ = stage.count(lookups), stage.started()
    in_time(lambda: stage.count(lookups) > before)
    stage.empty_redis()  # whatever is there after this was told at the end
    stage.worker.stop()
    stage.web.stop()
    assert stage.breaker("paytabs-verify")["successes"] >= 1
    assert stage.breaker("paytabs-create-page")["successes"] >= 1
