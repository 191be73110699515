from django.urls import include, path
from rest_framework.routers import SimpleRouter

from shop import views

router = SimpleRouter()
router.register('invoices', views.InvoiceViewSet)

urlpatterns = [
    path('', include(router.urls)),
    path('customers/', views.customers),
    path('backend/', views.backend),
    path('session-tenant/', views.session_tenant),
    path('later/', views.later),
    path('streamed/', views.streamed),
]
