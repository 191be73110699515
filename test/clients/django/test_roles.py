"""The roles of docs/roles.md: what each sees and may."""
import os
import subprocess

from example import B, TestCase, psql


def pg_dump(user, *options, tenant=None):
    env = {**os.environ, 'PGOPTIONS': f'-c tenant_guard.tenant_id={tenant}' if tenant else ''}
    return subprocess.run(['pg_dump', '-U', user, '--data-only', '-t', 'shop_customer', *options], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Roles(TestCase):
    def test_application(self):
        """The application sees nothing without a tenant, and may neither bypass, nor alter, nor truncate."""
        for statement, state in (('SELECT * FROM shop_customer', 'TG001'),
                                 ('SET row_security = off; SELECT * FROM shop_customer', '42501'),
                                 ('SET tenant_guard.bypass = on', '42501'),
                                 ('ALTER TABLE shop_customer DISABLE ROW LEVEL SECURITY', '42501'),
                                 ("SELECT tenant_guard.unprotect('shop_customer')", '42501'),
                                 ('TRUNCATE shop_customer', 'TG005'),
                                 ("ALTER ROLE shop_app SET tenant_guard.tenant_id = ''", '42501')):
            self.assertEqual(psql(statement, 'shop_app'), f'ERROR:  {state}', statement)

    def test_migrator(self):
        """The migrator owns what it makes as shop_owner, and is bound by the guards as everyone."""
        self.assertEqual(psql("SELECT relowner::regrole FROM pg_class WHERE relname = 'shop_customer'"), 'shop_owner')
        self.assertEqual(psql('SELECT * FROM shop_customer', 'shop_migrator'), 'ERROR:  TG001')
        self.assertEqual(psql('SET row_security = off; SELECT * FROM shop_customer', 'shop_migrator'), 'ERROR:  42501')

    def test_reporting(self):
        """Reporting reads every tenant's rows, and writes none."""
        self.assertEqual(psql('SELECT string_agg(name, $$,$$ ORDER BY name) FROM shop_customer', 'shop_reporting'), 'a1,a2,b1,b2')
        self.assertEqual(psql('DELETE FROM shop_customer', 'shop_reporting'), 'ERROR:  25006')
        self.assertEqual(psql('SET TRANSACTION READ WRITE; DELETE FROM shop_customer', 'shop_reporting'), 'ERROR:  42501')

    def test_backup(self):
        """The backup's pg_dump has every tenant's rows; the owner's has none, or with a tenant that one's."""
        dump = pg_dump('shop_backup')
        self.assertEqual((dump.returncode, *(f'\t{name}\t' in dump.stdout for name in ('a1', 'b1'))), (0, True, True), dump.stdout)
        dump = pg_dump('shop_migrator')
        self.assertIn('query would be affected by row-level security policy', dump.stdout)
        self.assertNotEqual(dump.returncode, 0)
        dump = pg_dump('shop_migrator', '--enable-row-security', tenant=B)
        self.assertEqual((dump.returncode, *(f'\t{name}\t' in dump.stdout for name in ('a1', 'b1'))), (0, False, True), dump.stdout)

    def test_superuser(self):
        """A superuser who has not said that it is meant is refused."""
        done = subprocess.run(['psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-U', 'postgres', '-c', 'SELECT * FROM shop_customer'],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.stdout.strip(), 'ERROR:  TG003')
