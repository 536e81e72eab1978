"""Encrypt phone numbers and e-mail addresses; django-allauth's table of addresses, which cannot be, stays empty."""

from django.db import migrations

from limbeck.studio.encryption.fields import EncryptedEmailField, EncryptedField


def encrypt(apps, schema_editor):
    """Write every value again, which encrypts it."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, email, phone FROM accounts_user")
        rows = cursor.fetchall()
    users = apps.get_model("accounts", "User")
    for number, email, phone in rows:
        users.objects.filter(pk=number).update(email=email.lower(), phone=phone)
    apps.get_model("account", "EmailAddress").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.AlterField(
            "user", "email", EncryptedEmailField(blank=True, max_length=254, verbose_name="email address")
        ),
        migrations.AlterField("user", "phone", EncryptedField(blank=True, max_length=30, verbose_name="phone")),
        migrations.RunPython(encrypt),
    ]
