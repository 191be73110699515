from django.db import models


class Tenanted(models.Model):
    tenant_id = models.UUIDField()

    class Meta:
        abstract = True


class Customer(Tenanted):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()


class Supplier(Tenanted):
    name = models.TextField()


class Order(Tenanted):
    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    follows = models.ForeignKey("self", models.DO_NOTHING, null=True, related_name="followed_by")


class Note(Tenanted):
    body = models.TextField()
    order = models.ForeignKey(Order, models.SET_NULL, null=True, related_name="notes")
    pinned = models.ForeignKey(Customer, models.SET_NULL, null=True)
