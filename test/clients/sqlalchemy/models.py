"""The tenant of a session, and what a model needs. For SQLAlchemy 1.4 and 2."""
from contextlib import contextmanager

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Numeric, Text, UniqueConstraint, create_engine, event, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Session, declarative_base, relationship, sessionmaker

engine = create_engine('postgresql+psycopg2://shop_app@', pool_size=1, max_overflow=0)    # one connection for all
Base = declarative_base()
TenantSession = sessionmaker(engine, future=True)


@event.listens_for(Session, 'after_begin')
def set_tenant(session, transaction, connection):
    """Each transaction that a session begins is its tenant's. A session of no tenant gets none, and TG001."""
    tenant = session.info.get('tenant')
    if tenant is not None and not connection.in_nested_transaction():
        connection.execute(text('SELECT tenant_guard.set_tenant(:tenant)'), {'tenant': str(tenant)})


@contextmanager
def tenant_session(tenant):
    """A session of this tenant's: for a request, or a job."""
    with TenantSession(info={'tenant': tenant}) as session:
        yield session
        session.commit()


class TenantMixin:
    """With a server default the column is left out of INSERTs, and what the database has put there is read back."""
    tenant_id = Column(UUID(as_uuid=True), server_default=text('tenant_guard.current_tenant()'), nullable=False, index=True)


class Customer(TenantMixin, Base):
    __tablename__ = 'customers'
    id = Column(BigInteger, primary_key=True)
    name = Column(Text, nullable=False)
    invoices = relationship('Invoice', back_populates='customer', cascade='all, delete-orphan',
                            primaryjoin='Customer.id == foreign(Invoice.customer_id)')
    __table_args__ = (UniqueConstraint('tenant_id', 'id'),)    # for the keys that reference it


class Invoice(TenantMixin, Base):
    __tablename__ = 'invoices'
    id = Column(BigInteger, primary_key=True)
    customer_id = Column(BigInteger, nullable=False)
    number = Column(BigInteger, nullable=False)
    amount = Column(Numeric(10, 2), nullable=False, server_default='0')
    customer = relationship('Customer', back_populates='invoices', primaryjoin='Customer.id == foreign(Invoice.customer_id)')
    __table_args__ = (UniqueConstraint('tenant_id', 'number'),
                      ForeignKeyConstraint(['tenant_id', 'customer_id'], ['customers.tenant_id', 'customers.id']))
