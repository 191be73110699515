from django.db import migrations, models


def orders(apps, schema_editor):
    Order = apps.get_model('legacy', 'Order')
    Order.objects.bulk_create(Order(shop=shop, body=f'{shop} {i}') for shop in ('a.test', 'b.test') for i in range(3))


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel('Order', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('body', models.TextField()),
            ('shop', models.CharField(max_length=100)),
        ]),
        migrations.RunPython(orders, migrations.RunPython.noop),
    ]
