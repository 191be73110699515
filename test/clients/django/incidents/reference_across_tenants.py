"""A business row created under one tenant and referenced from another's profile.

What happened: a customer was created in a request whose tenant was wrong, and its id handed to the next request, which
wrote it into a profile of the right organisation. The foreign key was satisfied: PostgreSQL checks keys past row-level
security. From then on the profile pointed to a customer that its organisation could not see: the page failed with
DoesNotExist, and deleting the customer in the one organisation changed a profile in the other.

What the database does: the page shows nothing of the other organisation's (the join finds no row). The reference itself
is refused by the companion of the key that Django has made: (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
which comes with the guard.
"""
from django.contrib.auth.models import User
from django.db import IntegrityError

from example import A, B, Customer, TestCase, psql, tenant_transaction
from shop.models import Profile


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.user = User.objects.create(username='x')
        with tenant_transaction(B):
            self.others = Customer.objects.get(name='b1').pk

    def test_reference(self):
        """A profile cannot reference another organisation's customer."""
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
