"""One of several processes that share a breaker: reads orders, answers with what happened.

`python -m tests.resilience.worker ADDRESS PREFIX`; a JSON object a line, in and out.
"""

import json
import sys
from typing import Any

from payments.resilience.breaker import Breaker, Passage
from payments.resilience.errors import CallRefused
from payments.resilience.policy import Policy
from payments.resilience.signals import breaker_changed
from tests.resilience.callers import Caller, Clock, Heard
from tests.resilience.stores import shared_store


class Worker:
    def __init__(self, address: str, prefix: str) -> None:
        self.clock, self.heard, policy = Clock(), Heard(), Policy()
        store = shared_store("batched", policy, address, prefix, self.clock)
        self.breaker = Breaker(store, policy, timer=self.clock.nanoseconds)
        self.caller = Caller(self.breaker, self.clock)
        self.held: list[Passage] = []
        breaker_changed.connect(self.heard.receive)

    def do(self, order: dict[str, Any]) -> dict[str, Any]:
        self.clock.now = order["now"]
        refused = 0
        for _ in range(order.get("times", 1)):
            try:
                getattr(self, order["do"])()
            except CallRefused:
                refused += 1
        changes = [[change.kind, change.generation] for change in self.heard.changes]
        self.heard.changes.clear()
        return {"refused": refused, "changes": changes}

    def fail(self) -> None:
        self.caller.fail()

    def succeed(self) -> None:
        self.caller.succeed()

    def hold(self) -> None:
        passage = self.breaker.calling()
        passage.__enter__()
        self.held.append(passage)

    def release(self) -> None:
        self.held.pop().__exit__(None, None, None)


if __name__ == "__main__":
    worker = Worker(*sys.argv[1:])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(worker.do(json.loads(line))) + "\n")
        sys.stdout.flush()
