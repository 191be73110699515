"""An application that was there before the tenants: its migrations bring the tenant column to a table full of rows."""
from django.db import models

from shop.tenants import TenantModel


class Order(TenantModel):
    body = models.TextField()
    shop = models.CharField(max_length=100)    # the host: what told the organisation before
