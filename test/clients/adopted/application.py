"""The application of the tutorial. It sets app.current_tenant, for the session when a connection is checked out or for the
transaction, and knows nothing of tenant_guard."""
from contextlib import contextmanager

import psycopg


class PerSession:
    """As the AWS guides have it: each check-out of a connection sets the tenant of the session."""

    def __init__(self, conninfo):
        self.connection = psycopg.connect(conninfo, autocommit=True)

    @contextmanager
    def tenant(self, tenant):
        self.connection.execute('SELECT set_config(%s, %s, false)', ['app.current_tenant', tenant])
        yield self.connection
        self.connection.execute('RESET app.current_tenant')


class PerTransaction(PerSession):
    """As most others have it: each transaction sets its tenant."""

    @contextmanager
    def tenant(self, tenant):
        with self.connection.transaction():
            self.connection.execute('SELECT set_config(%s, %s, true)', ['app.current_tenant', tenant])
            yield self.connection


class Users:
    def __init__(self, database):
        self.database = database

    def onboard(self, tenant, name):
        with self.database.tenant(tenant) as c:
            c.execute("INSERT INTO tenant VALUES (%s, %s, 'active', 'gold')", [tenant, name])

    def add(self, tenant, email):
        with self.database.tenant(tenant) as c:
            return c.execute("INSERT INTO tenant_user (tenant_id, email, given_name, family_name) VALUES (%s, %s, 'A', 'B') RETURNING user_id",
                             [tenant, email]).fetchone()[0]

    def emails(self, tenant, like='%'):
        with self.database.tenant(tenant) as c:
            return [email for email, in c.execute('SELECT email FROM tenant_user WHERE email LIKE %s ORDER BY email', [like], prepare=True)]

    def names(self, tenant):
        with self.database.tenant(tenant) as c:
            return [name for name, in c.execute('SELECT name FROM tenant')]

    def todo(self, tenant, user, body):
        with self.database.tenant(tenant) as c:
            return c.execute('INSERT INTO todo (user_id, body) VALUES (%s, %s) RETURNING tenant_id', [user, body]).fetchone()[0]

    def todos(self, tenant):
        with self.database.tenant(tenant) as c:
            return c.execute('SELECT email, body FROM todo JOIN tenant_user USING (user_id) ORDER BY body').fetchall()

    def rename(self, tenant, email, new):
        with self.database.tenant(tenant) as c:
            return c.execute('UPDATE tenant_user SET email = %s WHERE email = %s', [new, email]).rowcount

    def remove(self, tenant, email):
        with self.database.tenant(tenant) as c:
            return c.execute('DELETE FROM tenant_user WHERE email = %s', [email]).rowcount

    def offboard(self, tenant):
        with self.database.tenant(tenant) as c:
            c.execute('DELETE FROM tenant_user')
            return c.execute('DELETE FROM tenant').rowcount
