"""What Django's commands make of guarded tables: squashmigrations, and inspectdb. See docs/schema-tools.md."""
import os
import shutil
import subprocess
import sys
import tempfile

import checks
from example import A, psql

FILES = {
    'settings.py': "from shop.settings import *\nINSTALLED_APPS = INSTALLED_APPS + ['squashed']\n",
    'squashed/__init__.py': '',
    'squashed/migrations/__init__.py': '',
    'squashed/models.py': '''
from django.db import models

class Author(models.Model):
    tenant_id = models.UUIDField(editable=False)
    name = models.CharField(max_length=10)
''',
}
BOOK = '''
class Book(models.Model):
    tenant_id = models.UUIDField(editable=False)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
'''


class SchemaTools(checks.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.mkdtemp(prefix='squashed.')
        for name, text in FILES.items():
            os.makedirs(os.path.dirname(os.path.join(cls.scratch, name)), exist_ok=True)
            with open(os.path.join(cls.scratch, name), 'w') as file:
                file.write(text)
        cls.migrations()
        with open(os.path.join(cls.scratch, 'squashed/models.py'), 'a') as file:
            file.write(BOOK)
        cls.migrations()
        with open(os.path.join(cls.scratch, 'squashed/models.py'), 'a') as file:
            file.write('    pages = models.IntegerField(null=True)\n')
        cls.migrations()

    @classmethod
    def tearDownClass(cls):
        cls.django('migrate', 'squashed', 'zero')
        shutil.rmtree(cls.scratch)

    @classmethod
    def django(cls, *arguments, options=''):
        done = subprocess.run([sys.executable, '-m', 'django', *arguments],
                              env={**os.environ, 'SHOP_USER': 'shop_migrator', 'DJANGO_SETTINGS_MODULE': 'settings', 'PGOPTIONS': options,
                                   'PYTHONPATH': cls.scratch + ':' + os.environ['PYTHONPATH']},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout if done.returncode == 0 else f'status {done.returncode}: {done.stdout}'

    @classmethod
    def migrations(cls):
        return cls.django('makemigrations', 'squashed') + cls.django('migrate', 'squashed')

    def schema(self):
        """The keys of the book, and its status."""
        return psql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'squashed_book'::regclass ORDER BY 1;"
                    "SELECT status FROM tenant_guard.tables WHERE relation = 'squashed_book'::regclass").splitlines()

    def test_inspectdb(self):
        """inspectdb says TG001's message without a tenant; with one, its output is the same twice, and a key with a companion is a key."""
        tables = ('squashed_author', 'squashed_book')
        self.assertIn('no tenant is set', self.django('inspectdb', *tables))
        first, second = (self.django('inspectdb', *tables, options=f'-c tenant_guard.tenant_id={A}') for _ in range(2))
        self.assertEqual(first, second)
        self.assertIn('author = models.ForeignKey(SquashedAuthor', first.replace("'", ''))
        self.assertEqual(first.count('tenant = models.ForeignKey'), 1, first)    # to be a UUIDField

    def test_squashmigrations(self):
        """Squashed migrations change nothing where the others have run, twice, and make the same guards and keys from nothing."""
        made = self.schema()
        self.assertEqual((len(made), made[-1]), (3, 'guarded'), made)
        self.django('squashmigrations', 'squashed', '0001', '0003', '--no-input')
        for _ in range(2):
            self.assertIn('No migrations to apply', self.django('migrate', 'squashed'))
            self.assertIn('No changes detected', self.django('makemigrations', 'squashed', '--check', '--dry-run'))
        for file in os.listdir(self.scratch + '/squashed/migrations'):
            if file[:4] in ('0002', '0003') or file == '0001_initial.py':
                os.remove(f'{self.scratch}/squashed/migrations/{file}')
        for _ in range(2):
            self.assertIn('Unapplying', self.django('migrate', 'squashed', 'zero'))
            self.assertIn('_squashed_', self.django('migrate', 'squashed'))
            self.assertEqual(self.schema(), made)
        self.assertIn('No changes detected', self.django('makemigrations', 'squashed', '--check', '--dry-run'))
