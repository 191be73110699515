"""The application's own tests, run by Django's test runner as the role shop_tester."""
from django.db import DatabaseError, connection
from django.test import TestCase, TransactionTestCase

from shop.models import Customer, Organisation
from shop.tenants import sqlstate, tenant_transaction


class CustomerTest(TestCase):
    """Tests in one transaction, which Django rolls back: it goes from tenant to tenant, as the role may."""

    @classmethod
    def setUpTestData(cls):
        cls.a, cls.b = (Organisation.objects.create(host=host) for host in ('a.test', 'b.test'))
        for organisation in (cls.a, cls.b):
            with tenant_transaction(organisation.pk):
                Customer.objects.create(name=f'customer of {organisation.host}')

    def test_each_its_own(self):
        for organisation in (self.a, self.b):
            seen = self.client.get('/customers/', HTTP_HOST=organisation.host).json()
            self.assertEqual(seen, {'customers': [f'customer of {organisation.host}']})


class NoTenantTest(TransactionTestCase):
    """Tests of what happens between transactions: each is a real one, and the tables are emptied after each test."""

    def setUp(self):
        self.a = Organisation.objects.create(host='a.test')
        with tenant_transaction(self.a.pk):
            Customer.objects.create(name='customer')

    def _fixture_teardown(self):
        # TRUNCATE takes every tenant's rows, so it is refused unless it is meant.
        with connection.cursor() as cursor:
            cursor.execute('SET tenant_guard.bypass = on')
            super()._fixture_teardown()
            cursor.execute('RESET tenant_guard.bypass')

    def test_no_tenant(self):
        with self.assertRaises(DatabaseError) as caught:
            self.client.get('/customers/', HTTP_HOST='unknown.test')
        self.assertEqual(sqlstate(caught.exception), 'TG001')

    def test_emptied(self):
        self.assertEqual(self.client.get('/customers/', HTTP_HOST='a.test').json(), {'customers': ['customer']})
