"""A view set that returns all tenants.

What happened: a ModelViewSet was written with queryset = Invoice.objects.all(), as the framework's tutorial shows it,
and the filter by organisation was to come from a mixin that this one class did not inherit. Every customer's list held
everyone's invoices, and /invoices/<id>/ served, changed and deleted any of them, by counting ids up.

What the database does: the queryset means the invoices of the tenant of the request. Lists hold those alone; an id of
another organisation is a 404, for reading, writing and deleting. A new row cannot be another organisation's.
"""
from example import A, B, Invoice, TestCase, psql, tenant_transaction


class Incident(TestCase):
    def setUp(self):
        super().setUp()
        with tenant_transaction(B):
            self.others = Invoice.objects.get(number=1)

    def test_list(self):
        """The view set without a filter lists the invoices of the request's organisation."""
        own = psql(f"SELECT id FROM shop_invoice WHERE tenant_id = '{A}' ORDER BY number").split()
        self.assertEqual([str(i['id']) for i in self.a.get('/invoices/').json()], own)
        self.assertEqual(len(own), 2)

    def test_retrieve_update_delete(self):
        """Another organisation's id is a 404 for GET, PATCH and DELETE, and its row stays as it is."""
        url = f'/invoices/{self.others.pk}/'
        self.assertEqual(self.a.get(url).status_code, 404)
        self.assertEqual(self.a.patch(url, {'amount': '9'}, content_type='application/json').status_code, 404)
        self.assertEqual(self.a.delete(url).status_code, 404)
        self.assertEqual(psql(f'SELECT amount FROM shop_invoice WHERE id = {self.others.pk}'), '0.00')
        self.assertEqual(self.b.get(url).status_code, 200)

    def test_create(self):
        """A new invoice is the request's organisation's, and another organisation's customer does not exist for it."""
        own = psql("SELECT id FROM shop_customer WHERE name = 'a1'")
        made = self.a.post('/invoices/', {'customer': own, 'number': 7, 'amount': '1', 'tenant': B})
        self.assertEqual(made.status_code, 201, made.content)
        self.assertEqual(psql('SELECT tenant_id FROM shop_invoice WHERE number = 7'), A)
        refused = self.a.post('/invoices/', {'customer': self.others.customer_id, 'number': 8, 'amount': '1'})
        self.assertEqual(refused.status_code, 400)
        self.assertIn('does not exist', str(refused.content))
