"""A Django project of one application, "shop", which lies in the current directory: Django's own commands, and

    manage.py foreign_keys      the foreign keys that the models describe, "table.column -> table.column", one a line

The database is where the environment says (PGHOST, PGPORT, PGDATABASE, PGUSER).
"""
import os
import sys

import django
from django.apps import apps
from django.conf import settings
from django.core.management import execute_from_command_line

sys.path.insert(0, os.getcwd())
settings.configure(
    INSTALLED_APPS=["shop"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    SECRET_KEY="of no use here",
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
        }
    },
)


def print_foreign_keys():
    django.setup()
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if field.remote_field and field.db_constraint:
                target = field.target_field
                print(f"{model._meta.db_table}.{field.column} -> {target.model._meta.db_table}.{target.column}")


if sys.argv[1:] == ["foreign_keys"]:
    print_foreign_keys()
else:
    execute_from_command_line(sys.argv)
