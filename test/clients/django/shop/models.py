import uuid

from django.conf import settings
from django.db import models

from shop.tenants import TenantModel


class Organisation(models.Model):
    """The tenants. All tenants share this table, which has no tenant column."""
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    host = models.CharField(max_length=100, unique=True)


class Customer(TenantModel):
    name = models.CharField(max_length=100)


class Invoice(TenantModel):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    number = models.IntegerField()
    amount = models.DecimalField(max_digits=10, decimal_places=2, default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=['tenant', 'number'], name='invoice_number')]


class Profile(TenantModel):
    """What a user is in an organisation; the same user may be it in another one too."""
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    profile_type = models.CharField(max_length=20)
    customer = models.ForeignKey(Customer, on_delete=models.SET_NULL, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=['tenant', 'user', 'profile_type'], name='one_profile_of_a_type')]


class Invitation(TenantModel):
    token = models.CharField(max_length=40, unique=True)
    email = models.EmailField()


class AuditEntry(TenantModel):
    action = models.TextField()
    at = models.DateTimeField(auto_now_add=True)
