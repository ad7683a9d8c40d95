"""Where each history stood, signed; anchors may only be added."""

import django.utils.timezone
from django.db import migrations, models

from payments.events.guards import AppendOnly


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0011_ledger'),
    ]

    operations = [
        migrations.CreateModel(
            name='Anchor',
            fields=[
                ('number', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('aggregate_type', models.CharField(max_length=32)),
                ('aggregate_id', models.CharField(max_length=64)),
                ('sequence', models.PositiveBigIntegerField()),
                ('hash', models.CharField(max_length=64)),
                ('up_to', models.UUIDField()),
                ('anchored_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('previous', models.CharField(blank=True, max_length=64)),
                ('signature', models.CharField(max_length=64)),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('aggregate_id', 'aggregate_type', 'sequence'), name='anchored_once')],
            },
        ),
        AppendOnly("payments_anchor"),
    ]
