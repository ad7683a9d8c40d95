"""An invoice may be kept for the payment that is to pay it; the processing saga settles it."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def hand_over(apps: StateApps, _: BaseDatabaseSchemaEditor) -> None:
    """What waits for the receiver that settled contracts before is brought to its successor."""
    deliveries = apps.get_model("payments", "Delivery").objects
    waiting = deliveries.filter(handler="settle_contract").exclude(status="done")
    waiting.update(handler="follow_processing")


class Migration(migrations.Migration):
    dependencies = [("payments", "0014_reads")]

    operations = [
        migrations.RemoveConstraint("invoice", "paid_means_by_a_payment"),
        migrations.AddConstraint(
            "invoice",
            models.CheckConstraint(
                condition=models.Q(("paid_at__isnull", True), ("payment__isnull", False), _connector="OR"),
                name="paid_means_by_a_payment",
            ),
        ),
        migrations.RunPython(hand_over, migrations.RunPython.noop, elidable=True),
    ]
