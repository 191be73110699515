"""An audit log that every tenant writes and only its own may read.

What happened: to let every organisation's requests write, the log had a policy for INSERT with CHECK (true), and a trigger
function of a superuser's to fill it. Entries could be written in another organisation's name; the page that showed the log
filtered in Python; and an administrator's UPDATE removed a line.

What the database does: the log is a guarded table as any: entries are the writing tenant's, read by it alone; in another's
name they are refused. That nobody changes entries is a GRANT. A trigger that writes it as the invoker needs no privilege
beyond INSERT. Who must read all of it, a role with BYPASSRLS, says so, and the server log has a line of that too.
"""
from django.db import ProgrammingError, transaction

from example import A, B, Customer, TestCase, psql, tenant_transaction
from shop.models import AuditEntry

TRIGGER = """
REVOKE UPDATE, DELETE ON shop_auditentry FROM shop_app;
CREATE FUNCTION record_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shop_auditentry (action, at) VALUES (TG_OP || ' ' || COALESCE(NEW.name, OLD.name), now());
    RETURN NULL;
END $$;
CREATE TRIGGER record_customer AFTER INSERT OR UPDATE OR DELETE ON shop_customer
    FOR EACH ROW EXECUTE FUNCTION record_customer();
"""


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        psql(TRIGGER, 'shop_migrator')
        self.addCleanup(psql, 'DROP FUNCTION record_customer() CASCADE; TRUNCATE shop_auditentry;'
                              ' GRANT UPDATE, DELETE ON shop_auditentry TO shop_app')
        for tenant in (A, B):
            with tenant_transaction(tenant):
                Customer.objects.create(name='new of ' + tenant[0])

    def actions(self):
        return list(AuditEntry.objects.values_list('action', flat=True))

    def test_each_its_own(self):
        """Each organisation's changes are in the log, and each reads its own entries."""
        with tenant_transaction(A):
            self.assertEqual(self.actions(), ['INSERT new of a'])
        with tenant_transaction(B):
            self.assertEqual(self.actions(), ['INSERT new of b'])

    def test_in_anothers_name(self):
        """An entry in another organisation's name is refused."""
        with tenant_transaction(A), self.refused('42501', ProgrammingError), transaction.atomic():
            AuditEntry.objects.create(action='not ours', tenant_id=B)

    def test_no_change(self):
        """No entry is changed or deleted by the application, not even its own."""
        with tenant_transaction(A):
            for change in (lambda: AuditEntry.objects.update(action=''), lambda: AuditEntry.objects.all().delete()):
                with self.refused('42501', ProgrammingError), transaction.atomic():
                    change()

    def test_all_of_it(self):
        """The reporting role reads all of it; it cannot write."""
        self.assertEqual(psql('SELECT count(*) FROM shop_auditentry', 'shop_reporting'), '2')
        self.assertIn('25006', psql('DELETE FROM shop_auditentry', 'shop_reporting'))
