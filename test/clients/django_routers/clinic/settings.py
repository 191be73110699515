import os

SECRET_KEY = 'of a test'
USE_TZ = True
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
INSTALLED_APPS = ['clinic']
DATABASE_ROUTERS = ['clinic.routers.OrganisationRouter']


def database(name):
    return {
        'ENGINE': 'django.db.backends.postgresql',
        'NAME': name,
        'USER': os.environ.get('SHOP_USER', 'shop_app'),    # shop_migrator for migrate
        'HOST': os.environ.get('PGHOST', ''),
        'PORT': os.environ.get('PGPORT', ''),
        'CONN_MAX_AGE': None,
    }


DATABASES = {
    'default': database(os.environ['PGDATABASE']),
    'org_a': database(os.environ['PGDATABASE'] + '_org_a'),
    'org_b': database(os.environ['PGDATABASE'] + '_org_b'),
}
