# The tenant of a request: in one place, for the whole application.
require 'active_record'

class ApplicationRecord < ActiveRecord::Base
  self.abstract_class = true
end

module Tenant
  # A transaction of this tenant's. In a controller: around_action { |_, action| Tenant.transaction(current_tenant_id, &action) }
  # Inside one of another tenant's it is refused (TG002): what is another's goes into a transaction of its own, after this one.
  def self.transaction(tenant)
    ApplicationRecord.transaction do
      ApplicationRecord.connection.exec_query('SELECT tenant_guard.set_tenant($1)', 'tenant',
                                              [ActiveRecord::Relation::QueryAttribute.new('tenant', tenant, ActiveRecord::Type::String.new)])
      yield
    end
  end

  # The SQLSTATE of an ActiveRecord::StatementInvalid.
  def self.sqlstate(error)
    error.cause.respond_to?(:result) ? error.cause.result&.error_field(PG::PG_DIAG_SQLSTATE) : nil
  end
end
