"""Every path under /payments/v2, with or without a trailing slash."""

from django.urls import re_path

from payments.api import views
from payments.api.breakers import BreakersView
from payments.api.contracts import BalanceView, ContractsView, EarningsView
from payments.api.customers import CustomersView
from payments.api.ledger import BalancesView, PostingsView
from payments.api.returns import come_back
from payments.api.statistics import StatisticsView

_ID = r"(?P<payment_id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
_CONTRACT = _ID.replace("payment_id", "contract_id")
_NAME = r"(?P<name>[a-z0-9_.:-]{1,64})"

urlpatterns = [
    re_path(r"^/create/?$", views.CreateView.as_view({"post": "create"}), name="create"),
    re_path(
        rf"^/process/{_ID}/?$",
        views.ProcessView.as_view({"post": "process", "get": "process"}),
        name="process",
    ),
    re_path(
        rf"^/verify/(?P<transaction_ref>[\w.:-]{{1,128}})/{_ID}/?$",
        views.VerifyView.as_view({"get": "verify"}),
        name="verify",
    ),
    re_path(r"^/return/?$", come_back, name="return"),
    re_path(r"^/stats/?$", StatisticsView.as_view({"get": "stats"}), name="stats"),
    re_path(
        r"^/contracts/?$",
        ContractsView.as_view({"post": "create", "get": "list"}),
        name="contracts",
    ),
    re_path(
        rf"^/contracts/{_CONTRACT}/?$", ContractsView.as_view({"get": "retrieve"}), name="contract"
    ),
    re_path(
        rf"^/contracts/{_CONTRACT}/earnings/?$",
        EarningsView.as_view({"get": "earnings"}),
        name="earnings",
    ),
    re_path(
        rf"^/contracts/{_CONTRACT}/balance/?$",
        BalanceView.as_view({"get": "balance"}),
        name="contract-balance",
    ),
    re_path(
        r"^/customers/(?P<customer>[^/]{1,100})/history/?$",
        CustomersView.as_view({"get": "history"}),
        name="customer-history",
    ),
    re_path(r"^/health/?$", views.HealthView.as_view({"get": "retrieve"}), name="health"),
    re_path(r"^/circuit-breaker/stats/?$", BreakersView.as_view({"get": "stats"}), name="breakers"),
    re_path(
        rf"^/circuit-breaker/{_NAME}/?$", BreakersView.as_view({"get": "read"}), name="breaker"
    ),
    re_path(
        rf"^/circuit-breaker/{_NAME}/(?P<deed>reset|force-open|disable|release)/?$",
        BreakersView.as_view({"post": "act"}),
        name="breaker-deed",
    ),
    re_path(r"^/ledger/balances/?$", BalancesView.as_view({"get": "read"}), name="balances"),
    re_path(r"^/?$", views.PaymentViewSet.as_view({"get": "list"}), name="payments"),
    re_path(rf"^/{_ID}/?$", views.PaymentViewSet.as_view({"get": "retrieve"}), name="payment"),
    re_path(rf"^/{_ID}/capture/?$", views.CaptureView.as_view({"post": "capture"}), name="capture"),
    re_path(rf"^/{_ID}/cancel/?$", views.CancelView.as_view({"post": "cancel"}), name="cancel"),
    re_path(
        rf"^/{_ID}/refunds/?$",
        views.RefundsView.as_view({"post": "create", "get": "list"}),
        name="refunds",
    ),
    re_path(rf"^/{_ID}/events/?$", views.EventsView.as_view({"get": "list"}), name="events"),
    re_path(rf"^/{_ID}/attempts/?$", views.AttemptsView.as_view({"get": "list"}), name="attempts"),
    re_path(rf"^/{_ID}/ledger/?$", PostingsView.as_view({"get": "list"}), name="postings"),
]
