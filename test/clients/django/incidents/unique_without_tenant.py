"""A unique constraint on (user, profile_type) that blocks the same user in a second organisation.

What happened: one user worked for two organisations. The second could not make a profile of her: "user X already has a
customer profile", about a profile that nobody there could see. The message also told the second organisation that the
first one had that customer.

What the database does: it cannot make a constraint mean something else. Uniqueness is checked over all rows, and row-level
security does not change that; tenant_guard.audit() names such constraints. With the tenant in the constraint, which is
one migration, each organisation has its own profile of the user, and a second one in the same organisation is refused.
"""
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from example import A, B, TestCase, psql, tenant_transaction
from shop.models import Profile


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.user = User.objects.create(username='x')

    def test_global_constraint(self):
        """Without the tenant in it the constraint blocks the second organisation, by a row that it cannot see."""
        psql('ALTER TABLE shop_profile ADD CONSTRAINT global UNIQUE (user_id, profile_type)')
        self.addCleanup(psql, 'ALTER TABLE shop_profile DROP CONSTRAINT global')
        with tenant_transaction(A):
            Profile.objects.create(user=self.user, profile_type='customer')
        with tenant_transaction(B):
            self.assertFalse(Profile.objects.filter(user=self.user).exists())
            with self.refused('23505', IntegrityError), transaction.atomic():
                Profile.objects.create(user=self.user, profile_type='customer')

    def test_constraint_with_tenant(self):
        """With the tenant in it each organisation has a profile of the user, and only one."""
        for tenant in (A, B):
            with tenant_transaction(tenant):
                Profile.objects.create(user=self.user, profile_type='customer')
                with self.refused('23505', IntegrityError), transaction.atomic():
                    Profile.objects.create(user=self.user, profile_type='customer')
        self.assertEqual(psql('SELECT count(*), count(DISTINCT tenant_id) FROM shop_profile'), '2|2')
