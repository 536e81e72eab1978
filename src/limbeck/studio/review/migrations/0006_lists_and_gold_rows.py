"""Indexes of the list's orders in place of those of links; who was shown the label of a gold row.

No table is written anew: on SQLite, altering a column would do that once for each.
"""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

LINKS = {
    "assignment": ("review.assignment", "items"),
    "claimed_by": (settings.AUTH_USER_MODEL, "claims"),
    "final_by": (settings.AUTH_USER_MODEL, "finals"),
    "job": ("jobs.job", "items"),
}
REMOVED = ("review_list_label", "review_list_all", "review_list_class")
ADDED = {
    "review_list_label": ["state", "label", "margin", "id"],
    "review_list_all": ["label", "margin", "id"],
    "review_list_class": ["label", "state", "id"],
    "review_list_model_state": ["model", "state", "id"],
    "review_list_model_class": ["model", "label", "state", "id"],
    "review_list_job_newest": ["job", "id"],
    "review_list_person_newest": ["final_by", "id"],
}


def drop_indexes_of_links(apps: Any, schema_editor: Any) -> None:
    """Drop the indexes of the links alone; MariaDB and MySQL have dropped theirs for those that begin with the link."""
    item = apps.get_model("review", "Item")
    columns = [[item._meta.get_field(name).column] for name in LINKS]
    with schema_editor.connection.cursor() as cursor:
        found = schema_editor.connection.introspection.get_constraints(cursor, item._meta.db_table)
    for name, one in found.items():
        if one["index"] and one["columns"] in columns and not one["unique"] and not one["foreign_key"]:
            schema_editor.execute(schema_editor._delete_index_sql(item, name))


def _link(name: str) -> migrations.AlterField:
    to, back = LINKS[name]
    field = models.ForeignKey(
        db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name=back, to=to
    )
    return migrations.AlterField("item", name, field)


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0002_kinds_are_open"),
        ("review", "0005_answers_by_time"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *(migrations.RemoveIndex("item", name) for name in REMOVED),
        *(migrations.AddIndex("item", models.Index(fields=fields, name=name)) for name, fields in ADDED.items()),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_indexes_of_links, migrations.RunPython.noop)],
            state_operations=[_link(name) for name in LINKS],
        ),
        migrations.CreateModel(
            name="LabelSeen",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "gold",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="seen", to="review.gold"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("gold", "person"), name="one_look_of_a_person")],
            },
        ),
    ]
