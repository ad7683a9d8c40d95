"""What a call through a breaker gives, counts and tells."""

import threading
from abc import ABCMeta
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import pybreaker
import pytest

from payments.resilience import signals
from payments.resilience.errors import CallFailed, CallRefused, DeadlineExceeded
from payments.resilience.signals import CallFinished
from payments.resilience.storage import BreakerState, Outcome
from tests.resilience.callers import Broken, Caller, Clock, logged_in
from tests.resilience.conftest import MakeCaller

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Declined(Exception):
    """The target answered, and the answer is no."""


class HardDeclined(Declined):
    pass


class OddlyMade(Declined, metaclass=ABCMeta):
    """A class whose own class is not `type`."""


def raising(error: BaseException) -> Any:
    def target(*_: object) -> None:
        raise error

    return target


def end_with(caller: Caller, error: BaseException, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)) as raised:
            caller.breaker.call(raising(error))
        assert raised.value is error


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (Declined, Declined()),
        (Declined, HardDeclined()),
        (OddlyMade, OddlyMade()),
        (lambda error: "card" in str(error), Broken("card declined")),
    ],
)
def test_a_card_that_is_declined_never_opens_it(
    make_caller: MakeCaller, rule: Any, error: Exception
) -> None:
    caller = make_caller(exclude=[rule])
    end_with(caller, error, times=30)
    statistics = caller.breaker.statistics()
    assert (statistics.state, statistics.totals.successes) == (CLOSED, 30)


def test_an_exclusion_with_a_metaclass_of_its_own_excludes_nothing_else(
    make_caller: MakeCaller,
) -> None:
    caller = make_caller(exclude=[OddlyMade])
    caller.fail(10)
    assert caller.state is OPEN


def test_a_predicate_that_breaks_hides_no_error(make_caller: MakeCaller) -> None:
    caller = make_caller(exclude=[lambda error: error.no_such_thing])
    caller.fail(10)
    assert caller.state is OPEN


@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt(), SystemExit(1), GeneratorExit(), ValueError("pool exhausted")]
)
def test_our_own_stop_says_nothing_of_the_target(
    make_caller: MakeCaller, clock: Clock, stop: BaseException
) -> None:
    caller = make_caller(ignore=[ValueError])
    caller.open_up()
    clock.go(30)
    end_with(caller, stop, times=6)  # each gives its place back, or the sixth were refused
    statistics = caller.breaker.statistics()
    assert (statistics.state, statistics.totals.ignored, statistics.probes) == (HALF_OPEN, 6, 0)


@pytest.mark.parametrize("error", [TimeoutError(), DeadlineExceeded(), Broken("read timed out")])
def test_a_timeout_is_a_failure_with_one_duration(
    make_caller: MakeCaller, error: Exception
) -> None:
    caller = make_caller(timeouts=[lambda error: "timed out" in str(error)])
    end_with(caller, error)
    totals = caller.breaker.statistics().totals
    assert (totals.timeouts, totals.failures, totals.successes) == (1, 1, 0)


def test_a_result_can_be_a_failure_and_is_the_callers_all_the_same(
    make_caller: MakeCaller,
) -> None:
    caller = make_caller(is_failure=lambda status: status >= 500)
    assert [caller.breaker.call(lambda: 503) for _ in range(10)] == [503] * 10
    assert caller.state is OPEN


def test_the_call_that_trips_it_keeps_its_own_error(caller: Caller) -> None:
    error = Broken("after the money moved")
    end_with(caller, error, times=10)
    with pytest.raises(CallRefused):
        caller.breaker.call(raising(error))


def test_a_refusal_is_pybreakers_error_too(caller: Caller) -> None:
    caller.open_up()
    with pytest.raises(pybreaker.CircuitBreakerError, match=r"target takes no calls now \(open\)"):
        caller.succeed()


def test_slow_calls_run_side_by_side(caller: Caller) -> None:
    all_inside = threading.Barrier(6, timeout=10)
    threads = [
        threading.Thread(target=caller.breaker.call, args=(all_inside.wait,)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not all_inside.broken
    assert caller.breaker.statistics().totals.successes == 6


# --- its shapes


def test_it_decorates_a_function(caller: Caller) -> None:
    @caller.breaker
    def add(one: int, other: int = 0) -> int:
        """Sum."""
        return one + other

    assert (add(1, other=2), add.__name__, add.__doc__) == (3, "add", "Sum.")
    assert caller.breaker.statistics().totals.successes == 1


def test_it_guards_a_block(caller: Caller) -> None:
    with caller.breaker.calling() as passage:
        passage.judged("well")
    with pytest.raises(Broken), caller.breaker.calling():
        raise Broken
    totals = caller.breaker.statistics().totals
    assert (totals.successes, totals.failures) == (1, 1)


def test_it_guards_a_generator_from_its_start_to_its_end(caller: Caller) -> None:
    @caller.breaker
    def pages(count: int) -> Iterator[int]:
        yield from range(count)
        if count > 2:
            raise Broken

    assert list(pages(2)) == [0, 1]
    with pytest.raises(Broken):
        list(pages(3))
    left_early = pages(2)
    next(left_early)
    left_early.close()  # type: ignore[attr-defined] # a generator, to those who look
    totals = caller.breaker.statistics().totals
    assert (totals.successes, totals.failures, totals.ignored) == (1, 1, 1)


def test_what_is_asynchronous_is_refused_when_it_is_decorated(caller: Caller) -> None:
    async def ask() -> None: ...

    async def ask_often() -> Any:
        yield

    for asynchronous in (ask, ask_often):
        with pytest.raises(TypeError, match="asynchronous"):
            caller.breaker(asynchronous)
    with pytest.raises(TypeError, match="has not run"):
        caller.breaker.call(cast("Callable[[], None]", ask))


# --- fallbacks


def test_a_fallback_answers_for_what_was_refused_failed_or_timed_out(
    make_caller: MakeCaller,
) -> None:
    told: list[Exception] = []

    def kept(error: Exception, key: str) -> str:
        told.append(error)
        return f"kept {key}"

    caller = make_caller(fallback=kept, exclude=[Declined], is_failure=lambda r: r == 503)
    call: Callable[..., Any] = caller.breaker.call
    assert call(raising(Broken()), "a") == "kept a"
    assert call(raising(TimeoutError()), "b") == "kept b"
    assert call(lambda _: 503, "c") == "kept c"
    caller.breaker.open()
    assert call(lambda _: 200, "d") == "kept d"
    assert [type(error) for error in told] == [Broken, TimeoutError, CallFailed, CallRefused]
    assert caller.breaker.statistics().totals.fallbacks == 4


def test_a_fallback_is_no_answer_to_a_no(make_caller: MakeCaller) -> None:
    caller = make_caller(fallback=lambda error: "kept", exclude=[Declined], ignore=[ValueError])
    end_with(caller, Declined())
    end_with(caller, ValueError())
    assert caller.breaker.statistics().totals.fallbacks == 0


def test_a_fallback_that_raises_is_heard_and_counted(make_caller: MakeCaller) -> None:
    def broken_too(error: Exception) -> None:
        raise LookupError("nothing kept")

    caller = make_caller(fallback=broken_too)
    with pytest.raises(LookupError):
        caller.breaker.call(raising(Broken()))
    totals = caller.breaker.statistics().totals
    assert (totals.fallbacks, totals.fallback_failures, totals.failures) == (1, 1, 1)


# --- who listens


class Diary(pybreaker.CircuitBreakerListener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
        self.lines.append("before")

    def success(self, cb: Any) -> None:
        self.lines.append("success")

    def failure(self, cb: Any, exc: BaseException) -> None:
        self.lines.append(type(exc).__name__)

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self.lines.append(f"{old_state.name} to {new_state.name}, and is {cb.state.name}")


class Faulty(pybreaker.CircuitBreakerListener):
    def _fail(self, *args: Any, **kwargs: Any) -> None:
        raise LookupError("a listener's own trouble")

    before_call = success = failure = state_change = _fail


def test_pybreakers_listeners_hear_what_was_stored(make_caller: MakeCaller) -> None:
    diary = Diary()
    caller = make_caller(listeners=[diary])
    caller.succeed(9)
    diary.lines.clear()
    caller.succeed()
    caller.open_up()
    assert diary.lines[:4] == ["before", "success", "before", "Broken"]
    assert "closed to open, and is open" in diary.lines


def test_a_listener_that_raises_spoils_no_call(
    make_caller: MakeCaller, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty_receiver(**_: object) -> None:
        raise LookupError("a receiver's own trouble")

    signals.call_finished.connect(faulty_receiver)
    signals.breaker_changed.connect(faulty_receiver)
    try:
        caller = make_caller(listeners=[Faulty()])
        caller.succeed()
        caller.fail(9)
    finally:
        signals.call_finished.disconnect(faulty_receiver)
        signals.breaker_changed.disconnect(faulty_receiver)
    assert logged_in(caplog) >= {"breaker_listener_failed", "circuit_breaker_changed"}
    assert "faulty_receiver" in caplog.text
    assert caller.state is OPEN


def test_every_attempt_and_every_refusal_is_told(caller: Caller, clock: Clock) -> None:
    calls: list[CallFinished] = []

    def receive(call: CallFinished, **_: object) -> None:
        calls.append(call)

    signals.call_finished.connect(receive)
    try:
        caller.succeed(seconds=0.25)
        caller.fail(9)
        assert caller.is_refused()
    finally:
        signals.call_finished.disconnect(receive)
    first, *failures, last = calls
    assert (first.outcome, first.duration) == (Outcome.SUCCESS, timedelta(milliseconds=250))
    assert {(call.outcome, type(call.error)) for call in failures} == {(Outcome.FAILURE, Broken)}
    assert (last.outcome, type(last.error)) == (Outcome.REFUSED, CallRefused)


def test_to_pybreaker_it_is_a_circuit_breaker(caller: Caller, clock: Clock) -> None:
    breaker: pybreaker.CircuitBreaker = caller.breaker
    assert (breaker.name, breaker.current_state, breaker.fail_counter) == ("target", "closed", 0)
    caller.fail(3)
    assert breaker.fail_counter == 3
    breaker.add_excluded_exception(Declined)
    assert not breaker.is_system_error(Declined())
    assert breaker.is_system_error(Broken())
