"""A database for each organisation: what a router gets wrong is an error, and never the wrong organisation's rows."""
import contextlib
import os
import subprocess
import threading

from django.db import DatabaseError, connections, transaction

import checks
from checks import A, B, sqlstate_of
from clinic.models import Patient
from clinic.routers import database, request_of

ORGANISATIONS = {'org_a': A, 'org_b': B}


@contextlib.contextmanager
def routed_to(alias):
    token = database.set(alias)
    try:
        yield
    finally:
        database.reset(token)


def psql(sql, alias, options='', user='postgres'):
    env = {**os.environ, 'PGOPTIONS': options or ('-c tenant_guard.bypass=on' if user == 'postgres' else '')}
    name = connections[alias].settings_dict['NAME']
    return subprocess.run(['psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-U', user, '-d', name, '-c', sql], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


def names():
    return sorted(Patient.objects.values_list('name', flat=True))


class Routers(checks.TestCase):
    def setUp(self):
        for alias, tenant in ORGANISATIONS.items():
            psql(f"DELETE FROM clinic_patient; INSERT INTO clinic_patient (name, tenant_id) VALUES ('of {alias}', '{tenant}')", alias)

    def tearDown(self):
        for alias in ORGANISATIONS:
            self.assertEqual(psql('SELECT string_agg(DISTINCT tenant_id::text, $$,$$) FROM clinic_patient', alias), ORGANISATIONS[alias])

    def test_right(self):
        """A request reads and writes its organisation's database."""
        for alias, tenant in ORGANISATIONS.items():
            with routed_to(alias), request_of(tenant):
                self.assertEqual(names(), [f'of {alias}'])
                Patient.objects.create(name='new')
                with transaction.atomic(using=alias):
                    self.assertEqual(Patient.objects.filter(name='new').update(name='newer'), 1)
                self.assertEqual(names(), ['newer', f'of {alias}'])

    def test_wrong_router(self):
        """A router that chooses another organisation's database is an error at the first statement, reading and writing."""
        for wrong, tenant in (('org_b', A), ('org_a', B)):
            for act in (names, lambda: Patient.objects.create(name='stray'), lambda: Patient.objects.all().delete(),
                        lambda: Patient.objects.raw('SELECT * FROM clinic_patient')[0], lambda: Patient.objects.get(pk=1)):
                with routed_to(wrong), request_of(tenant), self.refused('TG008', DatabaseError):
                    act()
                with routed_to(wrong), request_of(tenant), self.refused('TG008', DatabaseError), transaction.atomic(using=wrong):
                    act()
            self.assertEqual(psql('SELECT string_agg(name, $$,$$) FROM clinic_patient', wrong), f'of {wrong}')

    def test_every_statement(self):
        """So is every later statement, where the first error was caught."""
        with routed_to('org_b'), request_of(A):
            for _ in range(3):
                with self.refused('TG008', DatabaseError):
                    names()

    def test_context_left(self):
        """A database that the request before has left in the thread is an error."""
        token = database.set('org_a')
        try:
            with request_of(A):
                self.assertEqual(names(), ['of org_a'])
            with request_of(B), self.refused('TG008', DatabaseError):
                names()
        finally:
            database.reset(token)

    def test_default(self):
        """The default database instead of the organisation's has no tenant: an error, for what is read and for what is written."""
        with request_of(A):
            with self.refused('TG001', DatabaseError):
                names()
            with self.refused('TG001', DatabaseError):
                Patient.objects.create(name='stray')
        self.assertEqual(psql('SELECT count(*) FROM clinic_patient', 'default'), '0')

    def test_using(self):
        """A database that is named by hand is no way round."""
        with routed_to('org_a'), request_of(A):
            self.assertEqual(names(), ['of org_a'])
            with self.refused('TG008', DatabaseError):
                list(Patient.objects.using('org_b').all())

    def test_instance_of_other(self):
        """An object that was read in one organisation's request and is saved in another's is an error."""
        with routed_to('org_a'), request_of(A):
            patient = Patient.objects.get()
        with request_of(B), self.refused('TG008', DatabaseError):
            patient.save(using=patient._state.db)

    def test_unnamed(self):
        """Without naming a tenant, a database has its own and takes no row of another."""
        with routed_to('org_a'):
            Patient.objects.create(name='unnamed')
            self.assertEqual(names(), ['of org_a', 'unnamed'])
        self.assertEqual(psql(f"INSERT INTO clinic_patient (name, tenant_id) VALUES ('stray', '{B}')", 'org_a', user='shop_app'), 'ERROR:  42501')

    def test_options(self):
        """Options of the connection name no tenant, not even the database's own."""
        for tenant in (A, B):
            self.assertEqual(psql('SELECT * FROM clinic_patient', 'org_a', f'-c tenant_guard.tenant_id={tenant}', 'shop_app'), 'ERROR:  TG008')

    def test_threads(self):
        """Threads that serve both organisations in turn, each with a router that is wrong once in three, see no other rows."""
        seen, failures = [], []

        def serve(n):
            try:
                for i in range(30):
                    mine = ('org_a', 'org_b')[(n + i) % 2]
                    other = ('org_b', 'org_a')[(n + i) % 2]
                    wrong = i % 3 == 0
                    with routed_to(other if wrong else mine), request_of(ORGANISATIONS[mine]):
                        try:
                            seen.append((names() == [f'of {mine}'], wrong))
                        except DatabaseError as error:
                            seen.append((sqlstate_of(error) == 'TG008', not wrong))
            except Exception as error:    # a thread's own are not seen
                failures.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=serve, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual((len(seen), set(seen)), (120, {(True, False)}))
