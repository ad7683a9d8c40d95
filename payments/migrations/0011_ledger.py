"""The ledger; it opens with what was settled before it was kept, and may only grow."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from payments.events.guards import AppendOnly

_SETTLED = """
INSERT INTO payments_posting (payment_id, operation_id, kind, turn, from_account, to_account,
  provider, owner_id, amount, currency, posted_at)
SELECT p.id, o.id, '{kind}', 1, '{source}', '{target}',
  o.provider, p.owner_id, {amount}, p.currency, COALESCE(o.answered_at, o.started_at)
FROM payments_gatewayoperation o JOIN payments_payment p ON p.id = o.payment_id
WHERE o.outcome = 'succeeded' AND NOT o.is_orphan AND {condition}
ORDER BY o.started_at, o.id"""
_LEFT = "p.amount_captured - p.amount_refunded"
_OPENING = [
    ("authorized", "payer", "reserved", "o.amount", "o.kind = 'authorize'"),
    ("released", "reserved", "payer", "o.amount",
     "o.kind = 'authorize' AND p.status <> 'authorized'"),
    ("captured", "payer", "provider", "o.amount", "o.kind IN ('charge', 'capture')"),
    ("refunded", "provider", "refunds", "o.amount", "o.kind = 'refund'"),
    ("charged_back", "provider", "disputes", _LEFT,
     f"o.id = p.current_operation_id AND p.status = 'charged_back' AND {_LEFT} > 0"),
]
_NAMES = ("kind", "source", "target", "amount", "condition")


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0010_no_index_twice'),
    ]

    operations = [
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('authorized', 'Authorized'), ('released', 'Released'), ('captured', 'Captured'), ('fee', 'Fee'), ('refunded', 'Refunded'), ('refund_returned', 'Refund Returned'), ('charged_back', 'Charged Back'), ('won_back', 'Won Back')], max_length=16)),
                ('turn', models.PositiveSmallIntegerField(default=1)),
                ('from_account', models.CharField(choices=[('payer', 'Payer'), ('reserved', 'Reserved'), ('provider', 'Provider'), ('refunds', 'Refunds'), ('disputes', 'Disputes'), ('fees', 'Fees')], max_length=8)),
                ('to_account', models.CharField(choices=[('payer', 'Payer'), ('reserved', 'Reserved'), ('provider', 'Provider'), ('refunds', 'Refunds'), ('disputes', 'Disputes'), ('fees', 'Fees')], max_length=8)),
                ('provider', models.CharField(max_length=20)),
                ('owner_id', models.UUIDField(null=True)),
                ('amount', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('posted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='payments.gatewayoperation')),
                ('payment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='payments.payment')),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(fields=['owner_id', 'provider', 'currency', 'from_account', 'to_account', 'amount'], name='posting_balances')],
                'constraints': [models.UniqueConstraint(fields=('payment', 'operation', 'kind', 'turn'), name='posted_once'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='posting_amount_is_positive'), models.CheckConstraint(condition=models.Q(models.Q(('from_account', 'payer'), ('kind', 'authorized'), ('to_account', 'reserved')), models.Q(('from_account', 'reserved'), ('kind', 'released'), ('to_account', 'payer')), models.Q(('from_account', 'payer'), ('kind', 'captured'), ('to_account', 'provider')), models.Q(('from_account', 'provider'), ('kind', 'fee'), ('to_account', 'fees')), models.Q(('from_account', 'provider'), ('kind', 'refunded'), ('to_account', 'refunds')), models.Q(('from_account', 'refunds'), ('kind', 'refund_returned'), ('to_account', 'provider')), models.Q(('from_account', 'provider'), ('kind', 'charged_back'), ('to_account', 'disputes')), models.Q(('from_account', 'disputes'), ('kind', 'won_back'), ('to_account', 'provider')), _connector='OR'), name='posting_goes_its_way')],
            },
        ),
        migrations.RunSQL(
            [_SETTLED.format(**dict(zip(_NAMES, each, strict=True))) for each in _OPENING],
            migrations.RunSQL.noop,
        ),
        AppendOnly("payments_posting"),
    ]
