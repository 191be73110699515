from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from rest_framework import serializers, viewsets

from shop.models import Customer, Invoice


class InvoiceSerializer(serializers.ModelSerializer):
    class Meta:
        model = Invoice
        fields = ['id', 'customer', 'number', 'amount']


class InvoiceViewSet(viewsets.ModelViewSet):
    """All invoices, of whomever: no filter by tenant anywhere."""
    queryset = Invoice.objects.all().order_by('number')
    serializer_class = InvoiceSerializer


def customers(request):
    if request.method == 'POST':
        Customer.objects.create(name=request.POST['name'])
        if request.POST.get('fail'):
            raise RuntimeError('after the insert')
    return JsonResponse({'customers': sorted(Customer.objects.values_list('name', flat=True))})


def backend(request):
    """Which connection served this request."""
    with connection.cursor() as cursor:
        cursor.execute('SELECT pg_backend_pid()')
        return HttpResponse(str(cursor.fetchone()[0]))


def session_tenant(request):
    """What one finds on the web: the tenant set for the session, before the view's queries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tenant_guard.tenant_id', %s, false)", [request.GET['tenant']])
    return JsonResponse({'customers': sorted(Customer.objects.values_list('name', flat=True))})


def later(request):
    """Work put off until the transaction has ended, and with it its tenant."""
    transaction.on_commit(lambda: Customer.objects.count())
    return HttpResponse('done')


def streamed(request):
    return StreamingHttpResponse(name + '\n' for name in Customer.objects.values_list('name', flat=True).iterator())
