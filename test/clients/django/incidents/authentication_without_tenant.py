"""Authentication that forgets to set the tenant, so that the user sees nothing.

What happened: a second way to log in, by token, was added beside the session's. It set request.user and not the tenant,
which only the session's middleware did. The hand-written policy compared with current_setting('app.tenant', true),
which was null: every list was empty, with status 200. The users believed that their data was lost, and one created
it anew; the logs held nothing.

What the database does: the first query of such a request is an error, TG001, whose hint says what to call. It is a
500 in the first test that logs in that way, and not an empty page in production.
"""
from django.db import DatabaseError
from django.test import RequestFactory

from example import A, TestCase, psql, tenant_transaction
from shop import views


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.request = RequestFactory().get('/customers/')
        self.request.user = 'known by a token'

    def test_without_tenant(self):
        """A view reached by the new authentication alone raises TG001, and does not answer with an empty list."""
        with self.refused('TG001', DatabaseError):
            views.customers(self.request)
        with self.refused('TG001', DatabaseError):
            views.InvoiceViewSet.as_view({'get': 'list'})(self.request)

    def test_as_it_was(self):
        """With missing_tenant = empty, which is a choice, the same request is the empty list of the incident."""
        psql("ALTER ROLE shop_app SET tenant_guard.missing_tenant = 'empty'")
        self.addCleanup(psql, 'ALTER ROLE shop_app RESET tenant_guard.missing_tenant')
        self.assertEqual(psql('SELECT count(*) FROM shop_customer', 'shop_app'), '0')

    def test_mended(self):
        """With the tenant of the token's organisation it sees that organisation's rows."""
        with tenant_transaction(A):
            self.assertEqual(views.customers(self.request).content, b'{"customers": ["a1", "a2"]}')
