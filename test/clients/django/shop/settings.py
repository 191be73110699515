import os

SECRET_KEY = 'of a test'
DEBUG = False
ALLOWED_HOSTS = ['*']
ROOT_URLCONF = 'shop.urls'
USE_TZ = True
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes', 'rest_framework', 'shop', 'legacy']
MIDDLEWARE = ['shop.tenants.TenantMiddleware']
REST_FRAMEWORK = {'DEFAULT_AUTHENTICATION_CLASSES': [], 'DEFAULT_PERMISSION_CLASSES': [], 'UNAUTHENTICATED_USER': None,
                  'DEFAULT_RENDERER_CLASSES': ['rest_framework.renderers.JSONRenderer']}

DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.postgresql',
        'NAME': os.environ.get('PGDATABASE', 'shop'),
        'USER': os.environ.get('SHOP_USER', 'shop_app'),    # shop_migrator for migrate
        'HOST': os.environ.get('PGHOST', ''),
        'PORT': os.environ.get('PGPORT', ''),
        'ATOMIC_REQUESTS': True,                            # a view that fails leaves nothing of what it did
        'CONN_MAX_AGE': None,
        'TEST': {
            'TEMPLATE': 'shop_template',                    # a database that has the extension
            'SERIALIZE': False,                             # or Django 3.2 reads every table, without a tenant
        },
    }
}
