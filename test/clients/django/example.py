"""What the tests of Django share: two organisations, a client of each, a superuser's psql."""
import os
import subprocess

from django.db import connection
from django.test import Client

import checks
from checks import A, B
from shop.models import Customer, Invoice, Organisation
from shop.tenants import tenant_transaction


def psql(sql, user='postgres'):
    """What psql prints as this user, for what an application's role may not do. A superuser means to bypass."""
    env = {**os.environ, 'PGOPTIONS': '-c tenant_guard.bypass=on' if user == 'postgres' else ''}
    done = subprocess.run(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=sqlstate', '-U', user, '-c', sql],
                          env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


class TestCase(checks.TestCase):
    """Each test begins with two organisations that have two customers and two invoices each, of the same numbers."""

    def setUp(self):
        psql("SET client_min_messages = error;"
             "TRUNCATE shop_organisation, auth_user CASCADE;"
             f"INSERT INTO shop_organisation VALUES ('{A}', 'a.test'), ('{B}', 'b.test')")
        for tenant, name in ((A, 'a'), (B, 'b')):
            with tenant_transaction(tenant):
                for number in (1, 2):
                    customer = Customer.objects.create(name=f'{name}{number}')
                    Invoice.objects.create(customer=customer, number=number)
        self.a = Client(HTTP_HOST='a.test')
        self.b = Client(HTTP_HOST='b.test')
        self.nobody = Client(HTTP_HOST='unknown.test')

    def tearDown(self):
        self.assertFalse(connection.in_atomic_block)


__all__ = ['A', 'B', 'Client', 'Customer', 'Invoice', 'Organisation', 'TestCase', 'connection', 'psql', 'tenant_transaction']
