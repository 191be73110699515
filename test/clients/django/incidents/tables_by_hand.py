"""Tables that models expect and migrations never made, and tables made by hand without the tenant column.

What happened: a migration was faked on one environment, so that a model had no table there; someone made the table by
hand in psql, from another environment's \\d, without the policies and, once, without the tenant column. The first was
open to every organisation. Of the second nobody noticed until an INSERT failed in the environment that had the column.

What the database does: a table made by hand with the tenant column is guarded by the statement that makes it. One
without it is not a tenants' table: tenant_guard.tables lists it as unguarded, and the ORM's INSERT fails with PostgreSQL's
error; the ALTER TABLE that adds the column guards it. A missing table is PostgreSQL's error as ever.
"""
from django.db import ProgrammingError, models, transaction

from example import A, B, TestCase, psql, tenant_transaction
from shop.tenants import TenantModel


class Note(TenantModel):
    """Of which no migration knows."""
    body = models.TextField()

    class Meta:
        app_label = 'shop'
        db_table = 'note'
        managed = False


def status():
    return psql("SELECT status FROM tenant_guard.tables WHERE relation = 'note'::regclass")


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(psql, 'SET client_min_messages = error; DROP TABLE IF EXISTS note')

    def test_no_table(self):
        """A model without a table is an error at its first query."""
        with tenant_transaction(A), self.refused('42P01', ProgrammingError), transaction.atomic():
            Note.objects.count()

    def test_with_column(self):
        """A table that is made by hand with the column is guarded: each organisation has its own rows."""
        psql('CREATE TABLE note (id bigserial PRIMARY KEY, tenant_id uuid, body text)', 'shop_migrator')
        self.assertEqual(status(), 'guarded')
        for tenant in (A, B):
            with tenant_transaction(tenant):
                Note.objects.create(body=tenant)
        with tenant_transaction(A):
            self.assertEqual([note.body for note in Note.objects.all()], [A])

    def test_without_column(self):
        """One without the column shows as unguarded, fails under the model, and is guarded once it gets the column."""
        psql('CREATE TABLE note (id bigserial PRIMARY KEY, body text)', 'shop_migrator')
        self.assertEqual(status(), 'unguarded')
        with tenant_transaction(A), self.refused('42703', ProgrammingError), transaction.atomic():
            Note.objects.create(body='x')
        psql('ALTER TABLE note ADD COLUMN tenant_id uuid NOT NULL', 'shop_migrator')
        self.assertEqual(status(), 'guarded')
        with tenant_transaction(A):
            Note.objects.create(body='x')
        with tenant_transaction(B):
            self.assertEqual(Note.objects.count(), 0)
