from alembic import context
from sqlalchemy import create_engine

from models import Base

engine = create_engine('postgresql+psycopg2://shop_migrator@')
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
