"""A business row created under one tenant and referenced from another's profile.

What happened: a customer was created in a request whose tenant was wrong, and its id handed to the next request, which
wrote it into a profile of the right organisation. The foreign key was satisfied: PostgreSQL checks keys past row-level
security. From then on the profile pointed to a customer that its organisation could not see: the page failed with
DoesNotExist, and deleting the customer in the one organisation changed a profile in the other.

What the database does: the page shows nothing of the other organisation's (the join finds no row). The reference itself
is refused where the key carries the tenant, (tenant_id, customer_id) REFERENCES customer (tenant_id, id), which
tenant_guard.pair_foreign_keys makes of the key that Django has made.
"""
import unittest

from django.contrib.auth.models import User
from django.db import IntegrityError

from example import A, B, Customer, TestCase, psql, tenant_transaction
from shop.models import Profile

# Expected to come with tenant_guard.pair_foreign_keys: from then on the test below runs by itself.
PAIRING = psql("SELECT count(*) FROM pg_proc WHERE pronamespace = 'tenant_guard'::regnamespace AND proname = 'pair_foreign_keys'") != '0'


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.user = User.objects.create(username='x')
        with tenant_transaction(B):
            self.others = Customer.objects.get(name='b1').pk

    @unittest.skipUnless(PAIRING, 'tenant_guard.pair_foreign_keys is not there')
    def test_reference(self):
        """A profile cannot reference another organisation's customer."""
        psql("SELECT tenant_guard.pair_foreign_keys('shop_profile')")
        with self.refused('23503', IntegrityError), tenant_transaction(A):
            Profile.objects.create(user=self.user, profile_type='customer', customer_id=self.others)
        with tenant_transaction(A):
            own = Customer.objects.get(name='a1')
            Profile.objects.create(user=self.user, profile_type='customer', customer=own)
        self.assertEqual(psql('SELECT count(*) FROM shop_profile'), '1')

    def test_nothing_is_seen(self):
        """A reference that crossed before shows nothing: a join finds no row, and the attribute raises DoesNotExist."""
        psql(f"ALTER TABLE shop_profile DISABLE TRIGGER ALL; INSERT INTO shop_profile (tenant_id, user_id, profile_type, customer_id)"
             f" VALUES ('{A}', {self.user.pk}, 'customer', {self.others}); ALTER TABLE shop_profile ENABLE TRIGGER ALL")
        with tenant_transaction(A):
            self.assertEqual(Profile.objects.filter(customer__name__isnull=False).count(), 0)
            with self.assertRaises(Customer.DoesNotExist):
                Profile.objects.get().customer
