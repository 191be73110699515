"""A concurrent get_or_create from two requests of two tenants.

What happened: two organisations' requests called get_or_create(user=..., profile_type=...) at once. With the global constraint
one's INSERT waited for the other's, failed, and the get() that follows found the other organisation's profile and
used it; with row-level security it found nothing, and the request ended in DoesNotExist.

What the database does: each request sees and makes its own organisation's row. With the tenant in the constraint they do
not even wait for each other; two requests of one organisation still end with one row.
"""
import threading

from django.contrib.auth.models import User
from django.db import connection

from example import A, B, TestCase, psql, tenant_transaction
from shop.models import Profile


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        self.user = User.objects.create(username='x')

    def at_once(self, *tenants):
        """get_or_create from a thread for each of these; returns (tenant, profile's tenant, created, error) of each."""
        barrier, results = threading.Barrier(len(tenants)), []

        def request(tenant):
            try:
                with tenant_transaction(tenant):
                    barrier.wait(20)
                    profile, created = Profile.objects.get_or_create(user=self.user, profile_type='customer')
                    results.append((tenant, str(profile.tenant_id), created, None))
            except Exception as error:
                results.append((tenant, None, None, error))
            finally:
                connection.close()
        threads = [threading.Thread(target=request, args=[tenant]) for tenant in tenants]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(results, key=str)

    def test_two_tenants(self):
        """Two requests of two organisations each make their own, twenty times over."""
        for _ in range(20):
            psql('TRUNCATE shop_profile')
            self.assertEqual(self.at_once(A, B), [(A, A, True, None), (B, B, True, None)])

    def test_one_tenant(self):
        """Four requests of one organisation end with one profile, its own, beside another organisation's four."""
        for _ in range(5):
            psql('TRUNCATE shop_profile')
            results = self.at_once(A, A, A, A, B, B, B, B)
            self.assertEqual([r[:2] for r in results], [(A, A)] * 4 + [(B, B)] * 4)
            self.assertEqual(sum(r[2] for r in results), 2)
            self.assertEqual(psql('SELECT count(*) FROM shop_profile'), '2')

    def test_global_constraint(self):
        """With the global constraint one of them fails, and is not served the other organisation's profile."""
        psql('ALTER TABLE shop_profile ADD CONSTRAINT global UNIQUE (user_id, profile_type)')
        self.addCleanup(psql, 'TRUNCATE shop_profile; ALTER TABLE shop_profile DROP CONSTRAINT global')
        results = self.at_once(A, B)
        self.assertEqual(sorted(r[0] == r[1] for r in results), [False, True], results)
        failed, = (r for r in results if r[3])
        self.assertEqual(type(failed[3]).__name__, 'IntegrityError')
