"""What was settled lately, for the operator's page. Built while the table is in use: writes do not wait for it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """One index."""

    atomic = False
    dependencies = [("jobs", "0001_initial")]
    operations = [
        AddIndexConcurrently(
            "image",
            models.Index(
                fields=["settled_at"],
                name="images_settled",
                condition=models.Q(("settled_at__isnull", False)),
            ),
        ),
    ]
