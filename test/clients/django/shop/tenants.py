"""The tenant of a request, in one place for the whole application."""
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, models, transaction

_tenant = ContextVar('tenant', default=None)


def current_tenant():
    """The default of each tenant column: Django names every column in an INSERT, so it must send the value."""
    return _tenant.get()


@contextmanager
def tenant_transaction(tenant):
    """A transaction of this tenant's: for requests, jobs, management commands and tests. Inside one of another tenant's
    it is refused (TG002): what is another tenant's goes into a transaction of its own, after this one."""
    token = _tenant.set(tenant)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute('SELECT tenant_guard.set_tenant(%s)', [str(tenant)])
            yield
    finally:
        _tenant.reset(token)


class TenantMiddleware:
    """Puts each request into its tenant's transaction. A request of no tenant, a log-in say, gets none, and what it
    does with a guarded table is an error."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        tenant = self.tenant_of(request)
        if tenant is None:
            return self.get_response(request)
        with tenant_transaction(tenant):
            return self.get_response(request)

    def tenant_of(self, request):
        from shop.models import Organisation    # not guarded: it has no tenant column
        return Organisation.objects.filter(host=request.get_host()).values_list('id', flat=True).first()


class TenantModel(models.Model):
    """A model of which each row belongs to one organisation: its column is tenant_id."""
    tenant = models.ForeignKey('shop.Organisation', on_delete=models.PROTECT, default=current_tenant, editable=False)

    class Meta:
        abstract = True


def sqlstate(error):
    """The SQLSTATE of a django.db error: of psycopg2's, or psycopg's."""
    return getattr(error.__cause__, 'pgcode', None) or getattr(error.__cause__, 'sqlstate', None)
