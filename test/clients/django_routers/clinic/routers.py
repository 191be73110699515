"""Which database a query goes to; and the organisation of the request, which the database compares with its own."""
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from django.db import connections

database = ContextVar('database', default=None)


class OrganisationRouter:
    """Queries go to the database of the organisation whose request is served."""

    def db_for_read(self, model, **hints):
        return database.get()    # None: the default database

    db_for_write = db_for_read


@contextmanager
def request_of(tenant):
    """A request of this organisation's: what any of its statements reaches is this organisation's database, or it is an error
    (TG008). Take the organisation from the request itself, and not from where the router has it."""
    names = NamesTenant(tenant)
    with ExitStack() as stack:
        for alias in connections:
            if alias != 'default':
                stack.enter_context(connections[alias].execute_wrapper(names))
        yield


class NamesTenant:
    """Names the tenant of the request, before its first statement on each connection."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.named = set()

    def __call__(self, execute, sql, params, many, context):
        alias = context['connection'].alias
        if alias not in self.named:
            execute("SELECT set_config('tenant_guard.tenant_id', %s, true)", [str(self.tenant)], False, context)
            self.named.add(alias)
        return execute(sql, params, many, context)
