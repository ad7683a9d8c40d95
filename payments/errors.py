"""What can go wrong in the domain, each with a stable code.

Callers match the code; people read the sentence. Which HTTP status an error becomes is known
to `payments.api.errors` alone.
"""

from datetime import timedelta


class DomainError(Exception):
    """Something a caller can understand and act upon.

    `attr` names the offending field, where there is one.
    """

    code = "error"

    def __init__(self, detail: str, *, attr: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.attr = attr


class InvalidAmount(DomainError):
    """Not an amount, not positive, or finer than the currency allows."""

    code = "invalid_amount"


class UnsupportedCurrency(DomainError):
    """Not an ISO 4217 currency with minor units, or not one the provider takes."""

    code = "unsupported_currency"


class UnknownProvider(DomainError):
    """No such provider, or it is not configured."""

    code = "unknown_provider"


class NotSupported(DomainError):
    """The provider cannot do this."""

    code = "not_supported"


class UnknownBreaker(DomainError):
    """No circuit breaker of this name."""

    code = "unknown_breaker"


class PaymentNotFound(DomainError):
    """No such payment, or it is somebody else's."""

    code = "not_found"


class InvalidTransition(DomainError):
    """The table of lawful moves has no such move."""

    code = "invalid_transition"


class OperationInProgress(DomainError):
    """Another call for the same payment is on its way to the provider."""

    code = "operation_in_progress"

    def __init__(self, detail: str, *, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RequestTakenOver(DomainError):
    """This request outlived its lock, and a repeat of it goes on in its place."""

    code = "idempotency_key_in_progress"


class PaymentDeclined(DomainError):
    """The provider's final answer was no."""

    code = "payment_declined"


class ServiceUnavailable(DomainError):
    """Nothing was sent, so nothing was charged; the same call may be tried again."""

    code = "service_unavailable"

    def __init__(self, detail: str, *, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class OutcomeUnknown(DomainError):
    """The request may have been carried out; recovery will find out. Do not pay again."""

    code = "provider_timeout"


class NotConfirmed(DomainError):
    """The provider does not confirm its own hint now; it will send it again."""

    code = "not_confirmed"


class NotAnswered(NotConfirmed):
    """It said nothing when it was asked about its hint, or not in time."""


class ReportUnreadable(DomainError):
    """A file that a provider's dashboard exported cannot be read; nothing was done with it."""

    code = "report_unreadable"


class ContractRefused(DomainError):
    """A contract that makes no sense, or is there already."""

    code = "contract_refused"
