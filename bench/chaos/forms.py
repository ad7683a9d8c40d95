"""The forms of a run: on PostgreSQL and Redis, or shorter on SQLite; and what is too little."""

from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Form:
    """How long, how much, and with what; anything less than these counts as a failure."""

    name: str
    load: timedelta
    payments: int
    kills: int
    restarts: int = 0
    pauses: int = 0
    on_servers: bool = False
    web_workers: int = 1
    shoppers: int = 4
    # Of all notices; a short run can promise no share.
    duplicates: float = 0.0
    drops: float = 0.0
    forgeries: float = 0.0
    # Who applies news: the request that brought it, or a worker.
    applied_by: str = "request"
    # A page that nobody pays ends after this.
    page_life: timedelta = timedelta(seconds=30)
    # The longest that recovery may take when all is well again.
    recovery: timedelta = timedelta(seconds=75)

    @property
    def wanted_payments(self) -> int:
        """A few more than must be, so that a slow moment does not spoil the run."""
        return self.payments + self.payments // 20 + 2

    def by_workers(self) -> "Form":
        """Workers apply the news, and what a killed one had taken waits for its lease."""
        return replace(self, applied_by="worker", recovery=self.recovery + _LEASE)

    def lasting(self, minutes: float) -> "Form":
        """The same within another time, all included; recovery takes what it takes."""
        return replace(self, load=timedelta(minutes=minutes) - self.recovery - _AROUND)


# How long a worker may hold news that it has taken.
_LEASE = timedelta(minutes=5)
# Starting, stopping, and the verdict.
_AROUND = timedelta(seconds=20)
FULL = Form(
    "full",
    load=timedelta(minutes=10) - timedelta(seconds=75) - _AROUND,
    payments=5000,
    kills=50,
    restarts=3,
    pauses=3,
    on_servers=True,
    web_workers=2,
    shoppers=12,
    duplicates=0.10,
    drops=0.05,
    forgeries=0.01,
)
SQLITE = Form(
    "sqlite",
    load=timedelta(seconds=100),
    payments=500,
    kills=10,
    duplicates=0.10,
    drops=0.05,
    forgeries=0.01,
)
FORMS = {form.name: form for form in (FULL, SQLITE)}
