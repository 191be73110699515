"""Django's own migrations, on guarded tables and towards them."""
import subprocess
import sys
import os

from example import A, B, TestCase, psql, tenant_transaction
from django.db import connection
from legacy.models import Order


def django(*arguments, user='shop_migrator'):
    done = subprocess.run([sys.executable, '-m', 'django', *arguments], env={**os.environ, 'SHOP_USER': user},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


class Migrations(TestCase):
    def test_guarded_by_migrate(self):
        """Every table with the column is guarded by the migration that made it, and no other."""
        self.assertEqual(
            psql("SELECT relation FROM tenant_guard.tables WHERE relation::text ~ '^shop' AND status = 'guarded' ORDER BY relation::text COLLATE \"C\"").split(),
            ['shop_auditentry', 'shop_customer', 'shop_invitation', 'shop_invoice', 'shop_profile'])
        self.assertEqual(psql("SELECT status FROM tenant_guard.tables WHERE relation = 'shop_organisation'::regclass"), 'unguarded')
        self.assertEqual(psql("SELECT count(*) FROM tenant_guard.tables WHERE status = 'damaged'"), '0')

    def test_models_agree(self):
        """makemigrations finds nothing to change: guards are no part of a model."""
        status, said = django('makemigrations', '--check', '--dry-run', 'shop')
        self.assertEqual(status, 0, said)

    def test_populated_table(self):
        """A table full of rows gets the column, is filled, guarded and taken back by one migration."""
        self.assertEqual(psql("SELECT status FROM tenant_guard.tables WHERE relation = 'legacy_order'::regclass"), 'unguarded')
        psql("INSERT INTO legacy_order (body, shop) SELECT 'order', shop FROM (VALUES ('a.test'), ('b.test')) s(shop), generate_series(1, 3)")
        status, said = django('migrate', 'legacy', '0002')
        self.assertEqual(status, 0, said)
        self.assertEqual(psql("SELECT status FROM tenant_guard.tables WHERE relation = 'legacy_order'::regclass"), 'guarded')
        for tenant, shop in ((A, 'a.test'), (B, 'b.test')):
            with tenant_transaction(tenant):
                self.assertEqual({o.shop for o in Order.objects.all()}, {shop})
                self.assertEqual(Order.objects.count(), 3)
        status, said = django('migrate', 'legacy', '0001')
        self.assertEqual(status, 0, said)
        self.assertEqual(psql("SELECT count(*) FROM legacy_order"), '6')
        status, said = django('migrate', 'legacy', '0002')
        self.assertEqual(status, 0, said)
        self.assertEqual(psql("SELECT status FROM tenant_guard.tables WHERE relation = 'legacy_order'::regclass"), 'guarded')

    def test_alterations(self):
        """The schema editor alters guarded tables as any: fields, types, constraints, indexes, names."""
        self.assertEqual(*both(django('shell', '-c', ALTERATIONS)))
        self.assertEqual(psql("SELECT string_agg(DISTINCT status, ',') FROM tenant_guard.tables WHERE relation::text LIKE 'altered%'"), 'guarded')
        self.assertEqual(*both(django('shell', '-c', ALTERATIONS.partition('# --')[0] + 'editor.delete_model(Thing)\neditor.__exit__(None, None, None)\n')))

    def test_many_to_many(self):
        """The table that Django makes for a ManyToManyField has no tenant column: it shows as unguarded."""
        self.addCleanup(psql, 'DROP TABLE shop_customer_friends')
        psql('CREATE TABLE shop_customer_friends (id bigserial PRIMARY KEY, from_customer_id bigint REFERENCES shop_customer,'
             ' to_customer_id bigint REFERENCES shop_customer)', 'shop_migrator')
        self.assertEqual(psql("SELECT status FROM tenant_guard.tables WHERE relation = 'shop_customer_friends'::regclass"), 'unguarded')

    def test_weakening(self):
        """A migration that would take the guard off fails, with what to do instead."""
        for statement in ('ALTER TABLE shop_customer DISABLE ROW LEVEL SECURITY',
                          'ALTER TABLE shop_customer DROP COLUMN tenant_id',
                          'DROP POLICY tenant_isolation ON shop_customer',
                          'ALTER TABLE shop_customer ALTER tenant_id DROP NOT NULL'):
            self.assertEqual(psql(statement, 'shop_migrator').splitlines()[0][:13], 'ERROR:  TG005', statement)


def both(result):
    """The status and what was said against success, so that a failure shows the traceback."""
    status, said = result
    return (status, said if status else ''), (0, '')


ALTERATIONS = '''
from django.db import connection, models
from shop.tenants import TenantModel

class Thing(TenantModel):
    name = models.CharField(max_length=10)
    class Meta:
        app_label = 'shop'
        db_table = 'altered_thing'

editor = connection.schema_editor().__enter__()
# --
editor.create_model(Thing)
size = models.IntegerField(null=True); size.set_attributes_from_name('size'); size.model = Thing
editor.add_field(Thing, size)
wider = models.TextField(); wider.set_attributes_from_name('name'); wider.model = Thing
editor.alter_field(Thing, Thing._meta.get_field('name'), wider)
renamed = models.TextField(); renamed.set_attributes_from_name('title'); renamed.model = Thing
editor.alter_field(Thing, wider, renamed)
index = models.Index(fields=['tenant'], name='thing_tenant')
editor.add_index(Thing, index)
editor.remove_index(Thing, index)
constraint = models.CheckConstraint(check=models.Q(id__gt=0), name='positive') if __import__('django').VERSION < (5, 1) else models.CheckConstraint(condition=models.Q(id__gt=0), name='positive')
editor.add_constraint(Thing, constraint)
editor.remove_constraint(Thing, constraint)
editor.remove_field(Thing, size)
editor.alter_db_table(Thing, 'altered_thing', 'altered_things')
editor.alter_db_table(Thing, 'altered_things', 'altered_thing')
editor.__exit__(None, None, None)
'''
