"""What was settled lately, for the operator's page.

Not built concurrently: that waits for every statement under way, also for those of tasks that wait for this migration.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One index."""

    dependencies = [("jobs", "0001_initial")]
    operations = [
        migrations.AddIndex(
            "image",
            models.Index(
                fields=["settled_at"],
                name="images_settled",
                condition=models.Q(("settled_at__isnull", False)),
            ),
        ),
    ]
