import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.UUID;
import javax.sql.DataSource;

/** The tenant of a request: in one place, for the whole application. */
final class TenantTransaction {
	interface Work<T> {
		T run(Connection connection) throws SQLException;
	}

	/** Runs work in a transaction of this tenant's: committed when it returns, rolled back when it throws. */
	static <T> T run(DataSource source, UUID tenant, Work<T> work) throws SQLException {
		try (Connection connection = source.getConnection()) {
			connection.setAutoCommit(false);
			try (PreparedStatement statement = connection.prepareStatement("SELECT tenant_guard.set_tenant(?)")) {
				statement.setObject(1, tenant);
				statement.execute();
				T result = work.run(connection);
				connection.commit();
				return result;
			} catch (SQLException | RuntimeException error) {
				connection.rollback();
				throw error;
			} finally {
				connection.setAutoCommit(true);
			}
		}
	}
}
