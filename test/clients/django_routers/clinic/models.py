from django.db import models


class Patient(models.Model):
    """Each organisation's patients are in its own database. The tables have a tenant column, which the models need not know."""
    name = models.CharField(max_length=100)
