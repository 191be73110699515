"""Code that "fixes" a blocked profile by moving it to the other organisation.

What happened: to get round the unique constraint a support script, and later a signal handler, looked for the user's
existing profile and set its organisation to the one that asked. The first organisation lost its customer, with the
invoices that hung on it; nobody had deleted anything.

What the database does: a row belongs to its tenant. As the first organisation the UPDATE is refused (42501), as the second
it finds no row; update_or_create makes the second organisation's own. No transaction can hold both tenants.
"""
from django.contrib.auth.models import User
from django.db import ProgrammingError, transaction

from example import A, B, TestCase, psql, tenant_transaction
from shop.models import Profile


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.user = User.objects.create(username='x')
        with tenant_transaction(A):
            self.profile = Profile.objects.create(user=self.user, profile_type='customer')

    def tearDown(self):
        self.assertEqual(psql(f'SELECT tenant_id FROM shop_profile WHERE id = {self.profile.pk}'), A)
        super().tearDown()

    def test_as_first(self):
        """The organisation that has the profile cannot give it away: save() and update() are refused."""
        with tenant_transaction(A), self.refused('42501', ProgrammingError), transaction.atomic():
            profile = Profile.objects.get(user=self.user)
            profile.tenant_id = B
            profile.save()
        with tenant_transaction(A), self.refused('42501', ProgrammingError), transaction.atomic():
            Profile.objects.filter(user=self.user).update(tenant=B)

    def test_as_second(self):
        """The other organisation cannot take it: it finds no such row, also by a key that it was told."""
        with tenant_transaction(B):
            self.assertEqual(Profile.objects.filter(user=self.user).update(tenant=B), 0)
            self.assertEqual(Profile.objects.filter(pk=self.profile.pk).update(tenant=B), 0)
            with self.refused('23505'), transaction.atomic():
                self.profile.tenant_id = B
                self.profile.save()    # an UPDATE that finds nothing, and so an INSERT with the same key

    def test_update_or_create(self):
        """update_or_create makes the second organisation's own profile."""
        with tenant_transaction(B):
            _, created = Profile.objects.update_or_create(user=self.user, profile_type='customer')
        self.assertTrue(created)
        self.assertEqual(psql('SELECT count(*) FROM shop_profile'), '2')

    def test_both_in_one_transaction(self):
        """A script cannot read as one and write as the other in the same transaction."""
        with self.refused('TG002'), tenant_transaction(A):
            Profile.objects.get(user=self.user).delete()
            with tenant_transaction(B):
                Profile.objects.create(user=self.user, profile_type='customer')
