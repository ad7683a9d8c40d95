"""One machine in two languages: the same history has the same answers, word by word."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from payments.resilience.controls import Mode, Orders
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.shared import RedisStore
from payments.resilience.storage import Outcome, Permit, Reply, Snapshot, Store
from tests.resilience.callers import Clock
from tests.resilience.servers import CAN_SHARE

STEPS = 300
LEAVE_OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.REFUSED]
Answer = Reply | Snapshot | None


class History:
    """Random questions to one store, the same for the same seed and the same answers."""

    def __init__(self, store: Store, clock: Clock, seed: int) -> None:
        self.store, self.clock = store, clock
        self.random = random.Random(seed)
        self.permits: list[Permit] = []
        self.orders = Orders()
        # Some histories are mostly failures, some mostly healthy: each finds other corners.
        self.health = self.random.choice([0.1, 0.5, 0.7, 0.95])

    def play(self) -> Iterator[Answer]:
        for _ in range(STEPS):
            self._let_time_pass()
            yield self._ask()
            yield self.store.read()

    def _let_time_pass(self) -> None:
        spans = [0, 0, 0.3, 0.999999, 1, 3, 9.999, 10, 31, 61, 3600, -0.5, -5, -10, -11, -3600]
        weights = [30, 30, 20, 8, 8, 5, 2, 2, 5, 3, 0.3, 2, 1, 0.5, 0.5, 0.5]
        self.clock.go(self.random.choices(spans, weights)[0])

    def _ask(self) -> Answer:
        questions = [self._enter, self._leave, self._order, self._obey, self._by_hand]
        return self.random.choices(questions, [10, 9, 0.3, 0.2, 0.3])[0]()

    def _enter(self) -> Reply:
        reply = self.store.enter(self.orders)
        if reply.permit is not None:
            self.permits.append(reply.permit)
        return reply

    def _leave(self) -> Answer:
        if not self.permits:
            self.store.count_fallback(failed=self.random.random() < 0.5)
            return None
        permit = self.permits.pop(self.random.randrange(len(self.permits)))
        is_well = self.random.random() < self.health
        outcome = Outcome.SUCCESS if is_well else self.random.choice(LEAVE_OUTCOMES)
        duration = self.random.choice([0, 1, 70_000, 10_000_000, 10_000_001])
        return self.store.leave(permit, outcome, duration if self.random.random() < 0.4 else 5)

    def _order(self) -> Reply:
        mode, epoch, rank = self.random.choice(list(Mode)), self.orders.epoch, self.orders.rank
        self.orders = Orders(mode, epoch + self.random.randrange(2), rank + 1)
        return self._enter()

    def _obey(self) -> Reply:
        # Sometimes the word of somebody who read it long ago.
        stale = self.orders._replace(mode=Mode.DISABLED, rank=self.orders.rank - 1)
        return self.store.obey(self.random.choice([self.orders, stale]))

    def _by_hand(self) -> Reply:
        return self.random.choice(
            [
                lambda: self.store.trip("manual"),
                lambda: self.store.trip("carried", 7_000_000),
                lambda: self.store.probe("manual"),
                lambda: self.store.reset("manual"),
            ]
        )()


def policy_of(seed: int) -> Policy:
    chooser = random.Random(-seed)
    return Policy(
        error_rate=chooser.choice([50, 33.3, 100]),
        buckets=chooser.choice([10, 3, 1]),
        minimum_requests=chooser.choice([10, 3]),
        slow_rate=chooser.choice([50, 80, 101]),
        half_open_max=chooser.choice([5, 1]),
        half_open_successes=chooser.choice([1, 3]),
        longest_reset_timeout=timedelta(seconds=chooser.choice([60, 200])),
        samples=chooser.choice([200, 4]),
    )


def played(store: Store, clock: Clock, seed: int) -> list[Answer]:
    """Permits tell where they are from; that is the one thing in which stores differ."""
    return [_anywhere(answer) for answer in History(store, clock, seed).play()]


def _anywhere(answer: Answer) -> Answer:
    if not isinstance(answer, Reply) or answer.permit is None:
        return answer
    return answer._replace(permit=Permit(answer.permit.generation, answer.permit.probe))


@pytest.fixture(params=range(40 if CAN_SHARE else 0))
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_both_stores_tell_the_same_story(seed: int, lent_redis: str, prefix: str) -> None:
    limits = policy_of(seed).limits()
    for_memory, for_redis = Clock(), Clock()
    mine = played(MemoryStore("target", limits, for_memory), for_memory, seed)
    shared = RedisStore("target", limits, lent_redis, prefix, for_redis)
    theirs = played(shared, for_redis, seed)
    for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        assert one == other, f"answer {number}"


def test_random_histories_visit_every_corner(histories: list[History]) -> None:
    ends = [history.store.read().totals for history in histories]
    for name in ("late", "ignored", "lease_expired", "opens", "half_opens", "closes", "timeouts"):
        assert sum(getattr(totals, name) for totals in ends) > 10, name


def test_after_any_history_the_books_balance(histories: list[History]) -> None:
    for history in histories:
        snapshot = history.store.read()
        totals, rolling = snapshot.totals, snapshot.rolling
        assert totals.in_flight == len(history.permits)
        assert totals.timeouts <= totals.failures
        assert snapshot.probes <= len(history.permits)
        assert min(rolling.successes, rolling.failures, rolling.slow, rolling.elapsed) >= 0
        assert rolling.completed <= totals.completed
        assert 0 <= snapshot.closed_for <= snapshot.age


@pytest.fixture(scope="module")
def histories() -> list[History]:
    """Forty of them, played to their end in memory."""
    played_out = []
    for seed in range(40):
        clock = Clock()
        history = History(MemoryStore("target", policy_of(seed).limits(), clock), clock, seed)
        for _ in history.play():
            pass
        played_out.append(history)
    return played_out
