"""Breaker: a named circuit breaker that calls pass, as function, block or generator.

pybreaker gives the interface: decorator, exclusions, listeners. The decisions are the store's,
and no lock is held while a guarded function runs. Whoever's call was executed gets that call's
own result or error, also where it made the breaker open.
"""

import inspect
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import timedelta
from functools import wraps
from types import CoroutineType, GeneratorType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

import pybreaker
import structlog

from payments.resilience import signals
from payments.resilience.controls import Controls, NoControls, OrdersReader
from payments.resilience.errors import CallFailed, CallRefused
from payments.resilience.judgement import Rule, matches, outcome_of
from payments.resilience.policy import Policy
from payments.resilience.report import Statistics, statistics_of
from payments.resilience.storage import ChangeKind, Outcome, Permit, Reply, Store

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Listener = pybreaker.CircuitBreakerListener

_WELL = (Outcome.SUCCESS, Outcome.EXCLUDED)
_BAD = (Outcome.FAILURE, Outcome.TIMEOUT)
_NOT_RUN_YET = (CoroutineType, GeneratorType)


class Breaker(pybreaker.CircuitBreaker):
    """Guards calls to one target.

    `exclude`: errors with which the target answered, and the answer is no. `ignore`: errors of
    calls that never reached it. `timeouts`: errors that are timeouts besides TimeoutError.
    `is_failure` judges results. `fallback` gets the error and then the call's own arguments; it
    answers in place of a call that was refused, failed or timed out, and must never report as
    done what was not done.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        *,
        controls: Controls | None = None,
        exclude: Iterable[Rule] = (),
        ignore: Iterable[Rule] = (),
        timeouts: Iterable[Rule] = (),
        is_failure: Callable[[Any], bool] | None = None,
        fallback: Callable[..., Any] | None = None,
        listeners: Sequence[Listener] = (),
        timer: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(
            fail_max=policy.quorum,
            reset_timeout=policy.reset_timeout.total_seconds(),
            success_threshold=policy.half_open_successes,
            exclude=cast("Any", exclude),
            listeners=listeners,
            state_storage=store,
            name=store.name,
            throw_new_error_on_trip=False,
        )
        self.policy, self.timer = policy, timer
        self._store, self._ignored, self._timeouts = store, tuple(ignore), tuple(timeouts)
        self._is_failure, self._fallback = is_failure, fallback
        self._orders = OrdersReader(store.name, controls or NoControls(), timer)

    # --- calls

    def call(self, func: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Call a plain function. Raises CallRefused where it may not be called now."""
        passage = Passage(self)
        try:
            with passage:
                if self._listeners:
                    self._tell("before_call", func, *args, **kwargs)
                result = passage.judged(func(*args, **kwargs))
        except Exception as error:
            if self._fallback is None or not self._left_unanswered(error):
                raise
            return cast("R", self._fall_back(error, *args, **kwargs))
        if isinstance(result, _NOT_RUN_YET):
            result.close()
            raise TypeError(f"{func!r} has not run when it returns; decorate a generator function.")
        if self._fallback is not None and passage.outcome is Outcome.FAILURE:
            return cast("R", self._fall_back(CallFailed(self.name, result), *args, **kwargs))
        return result

    def calling(self) -> "Passage":  # type: ignore[override] # our own kind of block
        """The same for a block; what its result is worth, the block may say (`judged`)."""
        return Passage(self)

    def __call__(self, func: Callable[P, R]) -> Callable[P, R]:  # type: ignore[override]
        """The same for every call of a function, or for a generator from its start to its end."""
        if inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func):
            raise TypeError(f"{func!r} is asynchronous, and a breaker would never see it fail.")
        if inspect.isgeneratorfunction(func):
            return cast("Callable[P, R]", self._guarded_generator(func))

        @wraps(func)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            return self.call(func, *args, **kwargs)

        return guarded

    def _guarded_generator(
        self, func: Callable[P, Generator[Any, Any, Any]]
    ) -> Callable[P, Generator[Any, Any, Any]]:
        @wraps(func)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, Any]:
            with Passage(self) as passage:
                return passage.judged((yield from func(*args, **kwargs)))

        return guarded

    # --- the way through

    def enter(self) -> Permit:
        """Ask for a permit. Raises CallRefused."""
        reply = self._store.enter(self._orders.current())
        if reply.changes:
            self._announce(reply)
        if reply.permit is not None:
            return reply.permit
        refusal = CallRefused(self.name, reply.refused, timedelta(microseconds=reply.wait))
        self._finish(Outcome.REFUSED, 0, Permit(0, 0, self._store.scope), refusal)
        raise refusal

    def leave(
        self, permit: Permit, outcome: Outcome, duration: int, error: BaseException | None
    ) -> None:
        """Give the permit back with what became of the call, and how long it took."""
        reply = self._store.leave(permit, outcome, duration)
        if reply.changes:
            self._announce(reply)
        self._finish(outcome, duration, permit, error)

    def outcome_of(self, error: BaseException) -> Outcome:
        return outcome_of(
            error,
            excluded=self._excluded_exceptions,
            ignored=self._ignored,
            timeouts=self._timeouts,
        )

    def is_bad(self, result: Any) -> bool:
        return self._is_failure is not None and self._is_failure(result)

    def is_system_error(self, exception: BaseException) -> bool:
        """pybreaker's question, asked of our exclusions."""
        return not matches(self._excluded_exceptions, exception)

    def _left_unanswered(self, error: Exception) -> bool:
        return isinstance(error, CallRefused) or self.outcome_of(error) in _BAD

    def _fall_back(self, error: Exception, *args: Any, **kwargs: Any) -> Any:
        failed = True
        try:
            answer = cast("Callable[..., Any]", self._fallback)(error, *args, **kwargs)
            failed = False
        finally:
            self._store.count_fallback(failed=failed)
        return answer

    # --- by hand

    def open(self) -> bool:
        """Open now, for as long as the policy says."""
        self._announce(self._store.trip("manual"))
        return False

    def half_open(self) -> None:
        """Let trials begin now."""
        self._announce(self._store.probe("manual"))

    def close(self) -> None:
        """Closing by hand is beginning anew."""
        self.reset()

    def reset(self) -> None:
        self._announce(self._store.reset("manual"))

    def obey(self) -> None:
        """Read the operators' words now, not when the last reading is two seconds old."""
        self._announce(self._store.obey(self._orders.read()))

    # --- what it tells

    @property  # type: ignore[misc] # read-only here
    def name(self) -> str:
        return self._store.name

    @property  # type: ignore[misc] # read-only here
    def state(self) -> Any:
        """pybreaker's state object for the state as it was last seen; nobody is told by a look."""
        return self._create_new_state(self.current_state)

    def statistics(self) -> Statistics:
        snapshot = self._store.read()
        return statistics_of(self.name, self._store.scope, self.policy, snapshot)

    def _announce(self, reply: Reply) -> None:
        """After the store has decided: only the process that made a change tells of it."""
        for change in reply.changes:
            signals.announce_change(self.name, self._store.scope, change)
            if self._listeners and change.kind is not ChangeKind.RESET:
                states = (change.before, change.after)
                self._tell("state_change", *map(self._create_new_state, states))

    def _finish(
        self, outcome: Outcome, duration: int, permit: Permit, error: BaseException | None
    ) -> None:
        if signals.call_finished.receivers:
            signals.announce_call(self.name, permit, outcome, duration, error)
        if self._listeners and outcome in _BAD:
            self._tell("failure", error)
        elif self._listeners and outcome in _WELL:
            self._tell("success")

    def _tell(self, event: str, *args: Any, **kwargs: Any) -> None:
        """A listener that fails is logged, and the call goes on."""
        for listener in self._listeners:
            try:
                getattr(listener, event)(self, *args, **kwargs)
            except Exception:  # whatever a listener does
                log.exception("breaker_listener_failed", breaker=self.name, listener=repr(listener))


class Passage:
    """One call on its way through a breaker: let in, timed, judged, let out."""

    __slots__ = ("_breaker", "_permit", "_started", "outcome")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self.outcome = Outcome.SUCCESS

    def __enter__(self) -> Self:
        self._permit = self._breaker.enter()
        self._started = self._breaker.timer()
        return self

    def judged(self, result: R) -> R:
        """The same result, after it was asked whether it is a failure."""
        if self._breaker.is_bad(result):
            self.outcome = Outcome.FAILURE
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        duration = (self._breaker.timer() - self._started) // 1000
        if error is not None:
            self.outcome = self._breaker.outcome_of(error)
        self._breaker.leave(self._permit, self.outcome, duration, error)
