"""The tenant column comes to a table that has rows: added, filled, NOT NULL, guarded, in one transaction."""
import django.db.models.deletion
from django.db import migrations, models

import shop.tenants


def fill(apps, schema_editor):
    Order = apps.get_model('legacy', 'Order')
    Organisation = apps.get_model('shop', 'Organisation')
    for organisation in Organisation.objects.all():
        Order.objects.filter(shop=organisation.host).update(tenant=organisation)


def column(null):
    return models.ForeignKey('shop.Organisation', on_delete=django.db.models.deletion.PROTECT, null=null,
                             default=shop.tenants.current_tenant, editable=False)


class Migration(migrations.Migration):
    dependencies = [('legacy', '0001_initial'), ('shop', '0001_initial')]
    operations = [
        # Once: GRANT SET ON PARAMETER tenant_guard.auto_protect TO shop_owner
        migrations.RunSQL('SET LOCAL tenant_guard.auto_protect = off', migrations.RunSQL.noop),
        migrations.AddField('Order', 'tenant', column(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL('SET CONSTRAINTS ALL IMMEDIATE', migrations.RunSQL.noop),
        migrations.AlterField('Order', 'tenant', column(null=False)),
        migrations.RunSQL("SELECT tenant_guard.protect('legacy_order')",
                          "SELECT tenant_guard.unprotect('legacy_order')"),
    ]
