"""The table of contents: every model of payments."""

from payments.events.anchors import Anchor
from payments.events.models import Delivery, StoredEvent, Stream
from payments.models.access import ApiKey
from payments.models.breaker import BreakerControl, GatewayCall
from payments.models.contract import Contract, Earning, Employee, Invoice
from payments.models.idempotency import IdempotencyKey
from payments.models.ledger import Account, Posting, PostingKind
from payments.models.operation import GatewayName, GatewayOperation
from payments.models.payment import Payment
from payments.models.projection import ContractBalance, DailyFigures, PaymentStanding
from payments.models.refund import Dispute, Refund
from payments.models.saga import SagaRun, SagaStep
from payments.models.settlement import Discrepancy
from payments.models.subject import SubjectKey
from payments.models.turn import Turn

__all__ = [
    "Account",
    "Anchor",
    "ApiKey",
    "BreakerControl",
    "Contract",
    "ContractBalance",
    "DailyFigures",
    "Delivery",
    "Discrepancy",
    "Dispute",
    "Earning",
    "Employee",
    "GatewayCall",
    "GatewayName",
    "GatewayOperation",
    "IdempotencyKey",
    "Invoice",
    "Payment",
    "PaymentStanding",
    "Posting",
    "PostingKind",
    "Refund",
    "SagaRun",
    "SagaStep",
    "StoredEvent",
    "Stream",
    "SubjectKey",
    "Turn",
]
