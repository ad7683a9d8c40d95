"""What is proven of a dispute, beside what was told of it last."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def believe_what_moved(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """A payment was only ever charged back by what was proven."""
    dispute = apps.get_model("payments", "Dispute")
    moved = dispute.objects.filter(status="lost", payment__status="charged_back")
    moved.update(proven_status="lost")


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0012_anchors'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='breakercontrol',
            options={'verbose_name': 'circuit breaker'},
        ),
        migrations.AddField(
            model_name='dispute',
            name='proven_status',
            field=models.CharField(blank=True, choices=[('open', 'Open'), ('won', 'Won'), ('lost', 'Lost')], max_length=8),
        ),
        migrations.RunPython(believe_what_moved, migrations.RunPython.noop),
    ]
