"""Invitations and pending sign-ups read by token before a tenant is known.

What happened: whoever follows the link of an invitation has a token and no organisation yet. The table was therefore left
without row-level security, or its policy got "OR current_setting('app.tenant', true) IS NULL": anyone without a tenant
read every invitation of every organisation, with addresses.

What the database does: without a tenant the table is an error, by token too. The look-up is a SECURITY DEFINER function of
a superuser's that declares the bypass, takes the token and returns the organisation of that one row; then the request goes on
in this organisation's transaction. Each call is a line in the server log.
"""
from django.db import connection, transaction

from example import A, B, TestCase, psql, tenant_transaction
from shop.models import Invitation

FUNCTION = """
CREATE FUNCTION tenant_of_invitation(token text) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
SET tenant_guard.bypass = on SET search_path = pg_catalog, pg_temp
AS 'SELECT tenant_id FROM public.shop_invitation WHERE shop_invitation.token = $1';
REVOKE EXECUTE ON FUNCTION tenant_of_invitation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_of_invitation TO shop_app;
"""


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        psql(FUNCTION)
        self.addCleanup(psql, 'DROP FUNCTION tenant_of_invitation')
        for tenant, token in ((A, 'of a'), (B, 'of b')):
            with tenant_transaction(tenant):
                Invitation.objects.create(token=token, email=f'{token[-1]}@example.com')

    def organisation(self, token):
        with connection.cursor() as cursor:
            cursor.execute('SELECT tenant_of_invitation(%s)', [token])
            return cursor.fetchone()[0]

    def test_by_token_without_tenant(self):
        """Without a tenant the table answers with TG001, by token as well."""
        with self.refused('TG001'):
            Invitation.objects.get(token='of b')

    def test_function(self):
        """The function gives the token's organisation, in which the invitation is then read; and nothing for no token."""
        tenant = self.organisation('of b')
        self.assertEqual(str(tenant), B)
        with tenant_transaction(tenant):
            self.assertEqual(Invitation.objects.get(token='of b').email, 'b@example.com')
        self.assertIsNone(self.organisation('unknown'))

    def test_function_in_the_transaction(self):
        """Look-up and work may be one transaction: the look-up uses no tenant."""
        with transaction.atomic():
            tenant = self.organisation('of a')
            with tenant_transaction(tenant):
                self.assertEqual(Invitation.objects.count(), 1)

    def test_no_more(self):
        """After the call nothing is bypassed, and in a tenant's transaction the table is the tenant's as before."""
        with tenant_transaction(A):
            self.assertEqual(str(self.organisation('of b')), B)
            self.assertEqual([i.token for i in Invitation.objects.all()], ['of a'])
