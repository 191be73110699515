"""What an application does every day."""
import io
import unittest
import uuid

import django
from django.db import DatabaseError, ProgrammingError, connection, models, transaction
from django.db.models import Count, F

from example import A, B, Customer, Invoice, TestCase, psql, tenant_transaction
from shop.models import Organisation
from shop.tenants import sqlstate


class Requests(TestCase):
    def test_lists(self):
        """A request sees its own organisation's rows, in a view that does not filter."""
        self.assertEqual(self.a.get('/customers/').json()['customers'], ['a1', 'a2'])
        self.assertEqual(self.b.get('/customers/').json()['customers'], ['b1', 'b2'])

    def test_writes(self):
        """A request writes rows of its own organisation, which nobody names."""
        self.assertEqual(self.a.post('/customers/', {'name': 'a3'}).json()['customers'], ['a1', 'a2', 'a3'])
        self.assertEqual(psql("SELECT tenant_id FROM shop_customer WHERE name = 'a3'"), A)
        self.assertEqual(self.b.get('/customers/').json()['customers'], ['b1', 'b2'])

    def test_atomic_requests(self):
        """A view that fails leaves nothing: ATOMIC_REQUESTS is inside the tenant's transaction."""
        with self.assertRaises(RuntimeError):
            self.a.post('/customers/', {'name': 'a3', 'fail': 'yes'})
        self.a.raise_request_exception = False
        self.assertEqual(self.a.post('/customers/', {'name': 'a4', 'fail': 'yes'}).status_code, 500)
        self.assertEqual(self.a.get('/customers/').json()['customers'], ['a1', 'a2'])

    def test_no_tenant(self):
        """A request of no tenant gets an error that can be caught and told apart, and no empty list."""
        with self.refused('TG001', DatabaseError) as caught:
            self.nobody.get('/customers/')
        self.assertEqual(sqlstate(caught.exception), 'TG001')
        self.assertIn('tenant_guard.set_tenant', str(caught.exception))

    def test_reuse(self):
        """One connection serves the requests of all, and the next one never has the tenant of the last."""
        backends = set()
        for _ in range(20):
            self.assertEqual(self.a.get('/customers/').json()['customers'], ['a1', 'a2'])
            backends.add(self.a.get('/backend/').content)
            with self.refused('TG001'):
                self.nobody.get('/customers/')
            self.assertEqual(self.b.get('/customers/').json()['customers'], ['b1', 'b2'])
        self.assertEqual(len(backends), 1)


class Models(TestCase):
    def test_forgotten_filters(self):
        """get, update, delete, aggregate and raw SQL by another organisation's key find nothing."""
        other = psql("SELECT id FROM shop_customer WHERE name = 'b1'")
        with tenant_transaction(A):
            with self.assertRaises(Customer.DoesNotExist):
                Customer.objects.get(pk=other)
            self.assertEqual(Customer.objects.filter(pk=other).update(name='stolen'), 0)
            self.assertEqual(Customer.objects.filter(pk=other).delete()[0], 0)
            self.assertEqual(Customer.objects.aggregate(n=Count('*'))['n'], 2)
            self.assertEqual(len(Customer.objects.raw('SELECT * FROM shop_customer')), 2)
            self.assertEqual(Customer.objects.count(), 2)
            self.assertEqual(Customer.objects.update(name=F('name')), 2)
            self.assertEqual(Invoice.objects.filter(customer__name__startswith='b').count(), 0)
        self.assertEqual(psql("SELECT count(*) FROM shop_customer WHERE name LIKE 'b%'"), '2')

    def test_whole_table(self):
        """Even delete() of everything deletes the organisation's rows only."""
        with tenant_transaction(A):
            Invoice.objects.all().delete()
            Customer.objects.all().delete()
        self.assertEqual(psql('SELECT string_agg(name, $$,$$ ORDER BY name) FROM shop_customer'), 'b1,b2')

    def test_wrong_tenant(self):
        """A row that names another tenant is refused: on create, on save, in bulk."""
        for write in (lambda: Customer.objects.create(name='x', tenant_id=B),
                      lambda: Customer.objects.bulk_create([Customer(name='x'), Customer(name='x', tenant_id=B)]),
                      lambda: Customer.objects.update(tenant_id=B)):
            with tenant_transaction(A), self.refused('42501', ProgrammingError), transaction.atomic():
                write()

    def test_bulk(self):
        """bulk_create, bulk_update, update_or_create, in_bulk and iterator() work, batches included."""
        with tenant_transaction(A):
            Customer.objects.bulk_create((Customer(name=f'bulk{i}') for i in range(1000)), batch_size=300)
            rows = list(Customer.objects.filter(name__startswith='bulk'))
            self.assertEqual(len(rows), 1000)
            for row in rows:
                row.name += '!'
            Customer.objects.bulk_update(rows, ['name'], batch_size=300)
            self.assertEqual(sum(1 for _ in Customer.objects.filter(name__endswith='!').iterator(chunk_size=50)), 1000)
            self.assertEqual(len(Customer.objects.in_bulk([row.pk for row in rows[:5]])), 5)
            _, created = Customer.objects.update_or_create(name='bulk0!', defaults={'name': 'updated'})
            self.assertFalse(created)
            Customer.objects.bulk_create([Customer(id=rows[0].pk, name='again')], ignore_conflicts=True)
        self.assertEqual(psql(f"SELECT count(*) FROM shop_customer WHERE tenant_id = '{B}'"), '2')
        self.assertEqual(psql(f"SELECT count(*) FROM shop_customer WHERE tenant_id = '{A}'"), '1002')

    def test_null(self):
        """An INSERT that names the tenant column as NULL is refused; one that leaves it out has the tenant."""
        with tenant_transaction(A), self.refused('42501'), transaction.atomic():
            Customer.objects.create(name='x', tenant=None)
        with tenant_transaction(A), connection.cursor() as cursor:
            cursor.execute("INSERT INTO shop_customer (name) VALUES ('x') RETURNING tenant_id")
            self.assertEqual(str(cursor.fetchone()[0]), A)

    def test_copy(self):
        """COPY FROM gives the rows their tenant, and refuses those of another."""
        with tenant_transaction(A), self.refused('42501'), transaction.atomic(), connection.cursor() as cursor:
            copy(cursor, 'COPY shop_customer (tenant_id, name) FROM STDIN', io.StringIO(A + '\tx\n' + B + '\ty\n'))
        with tenant_transaction(A), connection.cursor() as cursor:
            copy(cursor, 'COPY shop_customer (name) FROM STDIN', io.StringIO('c1\nc2\n'))
        self.assertEqual(self.a.get('/customers/').json()['customers'], ['a1', 'a2', 'c1', 'c2'])

    def test_savepoints(self):
        """An error in a nested atomic() block leaves the tenant set for what follows."""
        with tenant_transaction(A):
            with self.assertRaises(DatabaseError), transaction.atomic():
                Invoice.objects.create(customer=Customer.objects.first(), number=1)
            self.assertEqual(Customer.objects.count(), 2)

    def test_second_tenant(self):
        """A transaction of one tenant cannot go on as another, whether it has used the first or not."""
        with self.refused('TG002'), tenant_transaction(A):
            Customer.objects.count()
            with tenant_transaction(B):
                pass
        with tenant_transaction(A):
            with self.refused('TG002'), tenant_transaction(B):
                pass
            with tenant_transaction(A):    # the same again is fine
                pass
            self.assertEqual(set(Customer.objects.values_list('tenant', flat=True)), {uuid.UUID(A)})

    def test_second_tenant_on_commit(self):
        """What is another tenant's runs in a transaction of its own, once the first is committed."""
        seen = []

        def for_b():
            with tenant_transaction(B):
                seen.extend(Customer.objects.values_list('tenant', flat=True))
        with tenant_transaction(A):
            transaction.on_commit(for_b)
        self.assertEqual(set(seen), {uuid.UUID(B)})

    def test_loop_over_tenants(self):
        """A job works for all organisations, one transaction each."""
        seen = {}
        for tenant in Organisation.objects.order_by('host').values_list('id', flat=True):
            with tenant_transaction(tenant):
                seen[tenant] = Customer.objects.count()
        self.assertEqual(seen, {uuid.UUID(A): 2, uuid.UUID(B): 2})

    def test_select_for_update(self):
        """select_for_update, select_related, prefetch_related and values work on guarded tables."""
        with tenant_transaction(A):
            self.assertEqual(len(Customer.objects.select_for_update()), 2)
            self.assertEqual([i.customer.name for i in Invoice.objects.select_related('customer').order_by('number')], ['a1', 'a2'])
            self.assertEqual(sorted(len(c.invoice_set.all()) for c in Customer.objects.prefetch_related('invoice_set')), [1, 1])


@unittest.skipIf(django.VERSION < (5, 0), 'db_default came with Django 5')
class DatabaseDefault(TestCase):
    def test_db_default(self):
        """With db_default the application need not know the tenant: the database fills it in and tells it."""
        class Remark(models.Model):
            tenant_id = models.UUIDField(db_default=models.Func(function='tenant_guard.current_tenant'), editable=False)
            body = models.TextField()

            class Meta:
                app_label = 'shop'
                db_table = 'remark'

        self.addCleanup(psql, 'SET client_min_messages = error; DROP TABLE IF EXISTS remark')
        psql('CREATE TABLE remark (id bigserial PRIMARY KEY, tenant_id uuid, body text)', 'shop_migrator')
        with tenant_transaction(A):
            remark = Remark.objects.create(body='x')
            Remark.objects.bulk_create([Remark(body='y'), Remark(body='z')])
            remark.refresh_from_db()
            self.assertEqual(str(remark.tenant_id), A)
        with tenant_transaction(B):
            self.assertEqual(Remark.objects.count(), 0)
        self.assertEqual(psql(f"SELECT count(*) FROM remark WHERE tenant_id = '{A}'"), '3')


def copy(cursor, statement, file):
    """As psycopg2 spells it, and psycopg 3."""
    if hasattr(cursor.cursor, 'copy_expert'):
        cursor.copy_expert(statement, file)
    else:
        with cursor.copy(statement) as copy:
            copy.write(file.read())
