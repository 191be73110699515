# db/schema.rb without what the extension adds to the database. In Rails: config/initializers/schema_dumper.rb
require 'active_record/connection_adapters/postgresql_adapter'

ActiveRecord::ConnectionAdapters::PostgreSQLAdapter.prepend(
  Module.new do
    # Each companion is made again with its key.
    def foreign_keys(table_name)
      super.reject { |key| key.name.start_with?('fk_and_tenant') }
    end

    # Newer versions write schemas, too; the extension makes its own.
    def schema_names
      super.reject { |name| name.start_with?('tenant_guard') }
    end
  end
)
