"""`make migrations-check`: judges every migration as a deployment would, without a database."""

import os
import sys

import django
from django.db.migrations.loader import MigrationLoader


def main() -> int:
    """0 when every migration after the first of its app can be rolled back from, 1 with the reasons when not."""
    from service.database.additive import faults_of, is_ours  # noqa: PLC0415 - Django is set up by then

    loader = MigrationLoader(None)
    ours = [migration for migration in loader.disk_migrations.values() if is_ours(migration)]
    faults = [fault for migration in ours if not migration.initial for fault in faults_of(migration)]
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{len(ours)} migrations, all of which can be rolled back from")
    return 1 if faults else 0


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
    django.setup()
    sys.exit(main())
