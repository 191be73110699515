from django.db import models


class Tenanted(models.Model):
    tenant_id = models.UUIDField()

    class Meta:
        abstract = True


class Customer(Tenanted):
    name = models.TextField()


class Supplier(Tenanted):
    name = models.TextField()


class Order(Tenanted):
    customer = models.ForeignKey(Customer, models.CASCADE)
    follows = models.ForeignKey("self", models.SET_NULL, null=True)


class Note(Tenanted):
    body = models.TextField()
    order = models.ForeignKey(Order, models.CASCADE, null=True)
    pinned = models.OneToOneField(Customer, models.SET_NULL, null=True)
