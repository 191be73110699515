"""Django's own test runner, which makes a database, migrates it, and tests in it by transactions that it rolls back."""
import re

from example import TestCase
from test_migrations import django


class Runner(TestCase):
    def test_runner(self):
        """manage.py test works as a role that is no superuser, and its tests see the isolation."""
        status, said = django('test', '--noinput', 'shop', user='shop_tester')
        self.assertEqual(status, 0, said)
        self.assertTrue(re.search(r'Ran 3 tests[^$]*OK', said), said)
