"""Context lost or leaked between pooled connections and transaction boundaries.

What happened: the tenant was set with SET app.tenant at the start of a request. Behind a pooler in transaction mode the
next statements ran in another session: now without a tenant, now with the one of whoever had used that session before.
In a persistent connection of Django's own the tenant stayed for the next request, which took it for its own where it
had none. Work put off by on_commit and streamed responses ran after the transaction, under whatever was there.

What the database does: a tenant is good for one transaction. One that was set for the session is refused in the next
(TG006), and never used; work after the transaction has no tenant (TG001). Nothing is seen of another tenant's, and
nothing is silently empty.
"""
from django.db import connection, transaction

from example import A, B, Customer, TestCase, tenant_transaction


class Incident(TestCase):
    def test_session_level(self):
        """A tenant set for the session serves its own transaction, and no request after it on that connection."""
        served = self.nobody.get('/session-tenant/', {'tenant': A})
        self.assertEqual(served.json()['customers'], ['a1', 'a2'])
        with self.refused('TG006'):
            self.nobody.get('/customers/')
        self.assertEqual(self.b.get('/customers/').json()['customers'], ['b1', 'b2'])
        with connection.cursor() as cursor:
            cursor.execute('RESET tenant_guard.tenant_id')

    def test_before_the_transaction(self):
        """A tenant set outside of atomic(), in autocommit mode, is not there in the transaction that follows."""
        with connection.cursor() as cursor:
            cursor.execute('SELECT tenant_guard.set_tenant(%s)', [A])
        with self.refused('TG001'), transaction.atomic():
            Customer.objects.count()

    def test_on_commit(self):
        """on_commit runs without a tenant: it opens a transaction of its own, or gets TG001."""
        with self.refused('TG001'):
            self.a.get('/later/')
        seen = []

        def afterwards():
            with tenant_transaction(A):
                seen.append(Customer.objects.count())
        with tenant_transaction(A):
            transaction.on_commit(afterwards)
        self.assertEqual(seen, [2])

    def test_streamed(self):
        """A response that queries while it is streamed gets TG001: by then the transaction is over."""
        with self.assertRaises(Exception) as caught:
            b''.join(self.a.get('/streamed/').streaming_content)
        error, states = caught.exception, []
        while error:    # iterator() reads by a cursor; psycopg2 then fails to close the one that was refused
            states.append(getattr(error, 'pgcode', None) or getattr(error, 'sqlstate', None))
            error = error.__cause__ or error.__context__
        self.assertIn('TG001', states)

    def test_lazy_queryset(self):
        """A queryset made in one tenant's transaction and read in another's yields the reader's rows."""
        with tenant_transaction(A):
            customers = Customer.objects.order_by('name')
        with self.refused('TG001'):
            list(customers.all())
        with tenant_transaction(B):
            self.assertEqual([c.name for c in customers], ['b1', 'b2'])
