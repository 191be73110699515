"""information_schema.tables WHERE table_schema = <uuid>.

What happened: code of the days when each organisation had a schema asked information_schema whether the organisation's
tables were there, with the organisation's id for the schema's name. With a uuid as parameter the statement failed at once
("operator does not exist"); someone cast it to text, and from then on it found no table, and "made them": a second set
of tables, in a schema named by a uuid, into which half of the application wrote. They had no policies.

What the database does: the uuid against a name is PostgreSQL's error. The tables made by such code are tables with the
tenant column, and guarded from the statement that makes them, whatever their schema: nobody else's rows are seen in
them, and tenant_guard.tables lists them where one looks for what is guarded.
"""
import uuid

from django.db import ProgrammingError, connection, transaction

from example import A, B, TestCase, psql, tenant_transaction

FOUND = 'SELECT count(*) FROM information_schema.tables WHERE table_schema = %s'


class Incident(TestCase):
    def test_uuid(self):
        """The comparison with a uuid fails at once, with PostgreSQL's own error."""
        with tenant_transaction(A), connection.cursor() as cursor, self.refused('42883', ProgrammingError), transaction.atomic():
            cursor.execute(FOUND, [uuid.UUID(A)])

    def test_text(self):
        """With the uuid as text it finds nothing, and the table made for that reason is guarded as any other."""
        with tenant_transaction(A), connection.cursor() as cursor:
            cursor.execute(FOUND, [A])
            self.assertEqual(cursor.fetchone()[0], 0)
        self.addCleanup(psql, f'SET client_min_messages = error; DROP SCHEMA IF EXISTS "{A}" CASCADE')
        psql(f'CREATE SCHEMA "{A}" AUTHORIZATION shop_owner')
        psql(f'CREATE TABLE "{A}".invoices (id int, tenant_id uuid)', 'shop_migrator')
        psql(f'GRANT USAGE ON SCHEMA "{A}" TO shop_app; GRANT ALL ON "{A}".invoices TO shop_app')
        self.assertEqual(psql(f"SELECT status FROM tenant_guard.tables WHERE relation = '\"{A}\".invoices'::regclass"), 'guarded')
        with tenant_transaction(A), connection.cursor() as cursor:
            cursor.execute(f'INSERT INTO "{A}".invoices VALUES (1, %s)', [A])
        with tenant_transaction(B), connection.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM "{A}".invoices')
            self.assertEqual(cursor.fetchone()[0], 0)
