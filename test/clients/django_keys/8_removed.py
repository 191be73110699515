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

    class Meta:
        db_table = "purchases"


class Note(Tenanted):
    body = models.TextField()
