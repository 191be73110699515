import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.ArrayList;
import java.util.Objects;
import java.util.UUID;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.ds.PGPoolingDataSource;

/** JDBC: transactions, prepared statements beyond the driver's prepareThreshold, batches, a pool of one connection. */
final class Test {
	static final UUID A = UUID.fromString("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa");
	static final UUID B = UUID.fromString("bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb");
	static int failed = 0;
	static DataSource pool;

	interface Check {
		void run() throws Exception;
	}

	static void test(String sentence, Check check) {
		try {
			check.run();
			System.out.println("ok - " + sentence);
		} catch (Throwable error) {
			failed++;
			System.out.println("not ok - " + sentence);
			error.printStackTrace(System.out);
		}
	}

	static void equal(Object seen, Object expected) {
		if (!Objects.equals(seen, expected)) {
			throw new IllegalStateException(seen + " is not " + expected);
		}
	}

	static SQLException refused(String state, Check check) throws Exception {
		try {
			check.run();
		} catch (SQLException error) {
			SQLException cause = error;
			while (!state.equals(cause.getSQLState()) && cause.getNextException() != null) {
				cause = cause.getNextException();
			}
			equal(cause.getSQLState(), state);
			return cause;
		}
		throw new IllegalStateException("not refused with " + state);
	}

	@SuppressWarnings("deprecation")
	static DataSource source(String user, boolean pooled) {
		org.postgresql.ds.common.BaseDataSource source = pooled ? new PGPoolingDataSource() : new PGSimpleDataSource();
		source.setServerNames(new String[] {"127.0.0.1"});
		source.setPortNumbers(new int[] {Integer.parseInt(System.getenv("JDBC_PORT"))});
		source.setDatabaseName(System.getenv("PGDATABASE"));
		source.setUser(user);
		source.setPassword("");
		if (pooled) {
			((PGPoolingDataSource) source).setMaxConnections(1);
		}
		return (DataSource) source;
	}

	static int execute(Connection connection, String sql) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			statement.execute(sql);
			return statement.getUpdateCount();
		}
	}

	static List<String> bodies(Connection connection) throws SQLException {
		List<String> bodies = new ArrayList<>();
		try (PreparedStatement statement = connection.prepareStatement("SELECT body FROM notes WHERE body LIKE ? ORDER BY body")) {
			statement.setString(1, "%");
			try (ResultSet rows = statement.executeQuery()) {
				while (rows.next()) {
					bodies.add(rows.getString(1));
				}
			}
		}
		return bodies;
	}

	static List<String> bodies(UUID tenant) throws SQLException {
		return TenantTransaction.run(pool, tenant, Test::bodies);
	}

	static List<String> withoutTenant() throws SQLException {
		try (Connection connection = pool.getConnection()) {
			return bodies(connection);
		}
	}

	public static void main(String[] arguments) throws Exception {
		try (Connection connection = source("shop_migrator", false).getConnection()) {
			execute(connection, "CREATE TABLE notes (id bigserial PRIMARY KEY, tenant_id uuid, body text)");
		}
		pool = source("shop_app", true);
		List<String> a = List.of("first of a"), b = List.of("first of b");

		test("Each tenant sees its own rows, and changes and deletes those alone.", () -> {
			for (UUID tenant : List.of(A, B)) {
				TenantTransaction.run(pool, tenant, c -> execute(c, "INSERT INTO notes (body) VALUES ('first of " + tenant.toString().charAt(0) + "')"));
			}
			equal(bodies(A), a);
			equal(bodies(B), b);
			equal(TenantTransaction.run(pool, A, c -> execute(c, "UPDATE notes SET body = body")), 1);
			equal(TenantTransaction.run(pool, A, c -> execute(c, "DELETE FROM notes WHERE body LIKE '% b'")), 0);
		});
		test("Without a tenant there is an SQLException with SQLSTATE TG001.", () -> {
			SQLException error = refused("TG001", Test::withoutTenant);
			equal(error.getMessage().contains("tenant_guard.set_tenant"), true);
		});
		test("The pool's one connection forgets the tenant with the transaction, committed or rolled back.", () -> {
			for (String end : List.of("SELECT 1", "SELECT 1 / 0")) {
				try {
					TenantTransaction.run(pool, A, c -> bodies(c).size() + execute(c, end));
				} catch (SQLException error) {
					equal(error.getSQLState(), "22012");
				}
				refused("TG001", Test::withoutTenant);
				equal(bodies(B), b);
			}
		});
		test("A statement that the driver prepares on the server, from its fifth execution on, serves each tenant in turn.", () -> {
			try (Connection connection = pool.getConnection();
					PreparedStatement tenant = connection.prepareStatement("SELECT tenant_guard.set_tenant(?)");
					PreparedStatement read = connection.prepareStatement("SELECT body FROM notes WHERE body LIKE ?")) {
				connection.setAutoCommit(false);
				for (int i = 0; i < 40; i++) {
					tenant.setObject(1, i % 2 == 0 ? A : B);
					tenant.execute();
					read.setString(1, "first%");
					try (ResultSet rows = read.executeQuery()) {
						equal(rows.next(), true);
						equal(rows.getString(1), (i % 2 == 0 ? a : b).get(0));
						equal(rows.next(), false);
					}
					connection.commit();
				}
				refused("TG001", read::executeQuery);
				connection.rollback();
				connection.setAutoCommit(true);
			}
		});
		test("A tenant set for the session is refused in the next transaction, with TG006.", () -> {
			try (Connection connection = pool.getConnection()) {
				execute(connection, "SET tenant_guard.tenant_id = '" + A + "'");
			}
			refused("TG006", Test::withoutTenant);
			equal(bodies(B), b);
			try (Connection connection = pool.getConnection()) {
				execute(connection, "RESET tenant_guard.tenant_id");
			}
		});
		test("A batch writes the tenant's rows; one that names another tenant is refused, and with it the whole.", () -> {
			TenantTransaction.run(pool, A, c -> {
				try (PreparedStatement batch = c.prepareStatement("INSERT INTO notes (body) VALUES (?)")) {
					for (int i = 0; i < 1000; i++) {
						batch.setString(1, "bulk " + i);
						batch.addBatch();
					}
					return batch.executeBatch().length;
				}
			});
			equal(bodies(A).size(), 1001);
			equal(bodies(B), b);
			refused("42501", () -> TenantTransaction.run(pool, A, c -> {
				try (PreparedStatement batch = c.prepareStatement("INSERT INTO notes (tenant_id, body) VALUES (?, 'x')")) {
					for (UUID tenant : new UUID[] {A, B}) {
						batch.setObject(1, tenant);
						batch.addBatch();
					}
					return batch.executeBatch().length;
				}
			}));
			equal(TenantTransaction.run(pool, A, c -> execute(c, "DELETE FROM notes WHERE body LIKE 'bulk%'")), 1000);
		});
		test("A null in the tenant column is refused; a row that leaves it out has the tenant, which getGeneratedKeys() tells.", () -> {
			refused("42501", () -> TenantTransaction.run(pool, A, c -> execute(c, "INSERT INTO notes (tenant_id, body) VALUES (NULL, 'x')")));
			equal(TenantTransaction.run(pool, A, c -> {
				try (PreparedStatement insert = c.prepareStatement("INSERT INTO notes (body) VALUES ('x')", new String[] {"tenant_id"})) {
					insert.executeUpdate();
					ResultSet keys = insert.getGeneratedKeys();
					keys.next();
					c.createStatement().execute("DELETE FROM notes WHERE body = 'x'");
					return keys.getObject(1);
				}
			}), A);
		});
		test("A savepoint that is gone back to leaves the tenant set; a second tenant is refused.", () -> {
			TenantTransaction.run(pool, A, c -> {
				java.sql.Savepoint savepoint = c.setSavepoint();
				try {
					execute(c, "SELECT 1 / 0");
				} catch (SQLException error) {
					c.rollback(savepoint);
				}
				equal(bodies(c), a);
				return null;
			});
			refused("TG002", () -> TenantTransaction.run(pool, A, c -> bodies(c).size() + execute(c, "SELECT tenant_guard.set_tenant('" + B + "')")));
		});
		test("A cursor by setFetchSize() reads the tenant's rows.", () -> TenantTransaction.run(pool, A, c -> {
			try (Statement statement = c.createStatement()) {
				statement.setFetchSize(1);
				ResultSet rows = statement.executeQuery("SELECT body FROM notes, generate_series(1, 100)");
				int count = 0;
				while (rows.next()) {
					equal(rows.getString(1), a.get(0));
					count++;
				}
				equal(count, 100);
				return null;
			}
		}));
		test("COPY goes into a guarded table, which gives the rows their tenant.", () -> {
			equal(TenantTransaction.run(pool, A, c -> copy(c, "COPY notes (body) FROM STDIN")), 1L);
			equal(bodies(A), List.of("copied", "first of a"));
		});
		System.exit(failed == 0 ? 0 : 1);
	}

	static long copy(Connection connection, String sql) throws SQLException {
		try {
			return connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql, new StringReader("copied\n"));
		} catch (java.io.IOException error) {
			throw new SQLException(error);
		}
	}
}
