"""The history may only grow, whoever writes the SQL."""

from django.db import migrations

from payments.events.guards import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_first")]
    operations = [AppendOnly("payments_storedevent")]
