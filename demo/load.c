/*
 * Runs the statements of a dump, as demo/load.sh has it done.
 *
 *     load directory role database <dump >left_out 2>failed
 *
 * This is what psql would do with the file, with one difference: it has no
 * commands of its own that a dump could give.  A line after a backslash is
 * never obeyed, whatever it says, and no variable is put into a statement, since
 * there is nothing here that could do so; it is left out and told.  To split the
 * dump wrongly would cost an error from the server, and no more.
 *
 * A statement that fails does not undo the transaction that the dump may have
 * opened, and the rows of a COPY that fails are not read as SQL.  Also left out
 * is what leads to another database or role, and what only a superuser may do
 * and load.sh has done before.
 */
#include "postgres_fe.h"

#include "fe_utils/psqlscan.h"
#include "libpq-fe.h"

typedef struct Dump
{
	PGconn	   *connection;
	long		line;			/* of the input */
	long		first;			/* of the statement */
} Dump;

static const PsqlScanCallbacks no_variables = {NULL};

/* What is left out, by the words that it begins with. */
static const char *const left_out[] = {
	"SET SESSION AUTHORIZATION", "RESET SESSION AUTHORIZATION",
	"CREATE DATABASE", "ALTER DATABASE", "DROP DATABASE", "COMMENT ON DATABASE",
	"CREATE ROLE", "ALTER ROLE", "DROP ROLE", "COMMENT ON ROLE",
	"CREATE USER", "ALTER USER", "DROP USER",
	"CREATE GROUP", "ALTER GROUP", "DROP GROUP",
	"CREATE EXTENSION", "ALTER EXTENSION", "DROP EXTENSION", "COMMENT ON EXTENSION",
};

/* Past a comment, and those inside it, or to the end of the text. */
static const char *
skip_comment(const char *sql)
{
	int			depth = 0;

	while (*sql != '\0')
	{
		bool		opens = strncmp(sql, "/*", 2) == 0,
					closes = strncmp(sql, "*/", 2) == 0;

		sql += opens || closes ? 2 : 1;
		depth += opens - closes;
		if (depth == 0)
			break;
	}
	return sql;
}

/* Past blanks and comments. */
static const char *
skip_blank(const char *sql)
{
	for (;;)
	{
		sql += strspn(sql, " \t\r\n\f\v");
		if (strncmp(sql, "--", 2) == 0)
			sql += strcspn(sql, "\n");
		else if (strncmp(sql, "/*", 2) == 0)
			sql = skip_comment(sql);
		else
			return sql;
	}
}

/* Does a statement begin with these words?  Its rest is returned then, or NULL. */
static const char *
begins_with(const char *sql, const char *words)
{
	for (sql = skip_blank(sql); *words != '\0'; sql = skip_blank(sql))
	{
		size_t		length = strcspn(words, " ");

		if (pg_strncasecmp(sql, words, length) != 0 || isalnum((unsigned char) sql[length]) || sql[length] == '_')
			return NULL;
		sql += length;
		words += length + strspn(words + length, " ");
	}
	return sql;
}

/* Does a word stand in a statement, between blanks or last? */
static bool
has_word(const char *sql, const char *word)
{
	size_t		length = strlen(word);

	for (; *sql != '\0'; sql++)
	{
		if (isspace((unsigned char) sql[0]) && pg_strncasecmp(sql + 1, word, length) == 0 &&
			(isspace((unsigned char) sql[length + 1]) || sql[length + 1] == ';'))
			return true;
	}
	return false;
}

static bool
is_left_out(const char *sql)
{
	for (size_t i = 0; i < lengthof(left_out); i++)
	{
		const char *rest = begins_with(sql, left_out[i]);

		if (rest != NULL)
			return begins_with(rest, "MAPPING") == NULL;	/* USER MAPPING is another thing */
	}
	/* memberships; privileges are granted ON something */
	return (begins_with(sql, "GRANT") || begins_with(sql, "REVOKE")) && !has_word(sql, "ON");
}

/* One line of a text, without what could move a terminal's cursor. */
static void
print_line(FILE *file, const char *text)
{
	for (; *text != '\0' && *text != '\n' && *text != '\r'; text++)
		putc(iscntrl((unsigned char) *text) ? ' ' : *text, file);
	putc('\n', file);
}

static void
report(const Dump *dump, const char *message)
{
	fprintf(stderr, "line %ld: ", dump->first);
	print_line(stderr, message);
}

static void
ignore_notice(void *arg, const char *message)
{
}

/* Reads the rows of a COPY to their end, and sends them if that is wanted. */
static void
read_rows(Dump *dump, bool send)
{
	char	   *row = NULL;
	size_t		size = 0;
	ssize_t		length;

	while ((length = getline(&row, &size, stdin)) > 0)
	{
		dump->line++;
		if (strcmp(row, "\\.\n") == 0 || strcmp(row, "\\.\r\n") == 0 || strcmp(row, "\\.") == 0)
			break;
		if (send && PQputCopyData(dump->connection, row, (int) length) != 1)
			send = false;
	}
	free(row);
	if (send)
		PQputCopyEnd(dump->connection, NULL);
}

/* Rows that nobody asked to see: COPY ... TO STDOUT. */
static void
drain_rows(PGconn *connection)
{
	char	   *row;

	while (PQgetCopyData(connection, &row, 0) > 0)
		PQfreemem(row);
}

/* Runs a statement; says whether it went well, and whether it was one that changes savepoints. */
static bool
run(Dump *dump, const char *sql, bool *savepoint)
{
	bool		good = PQsendQuery(dump->connection, sql) == 1,
				rows_read = false;
	PGresult   *result;

	if (!good)
		report(dump, PQerrorMessage(dump->connection));
	while (good && (result = PQgetResult(dump->connection)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);
		const char *tag = PQcmdStatus(result);

		if (status == PGRES_COPY_IN)
		{
			read_rows(dump, true);
			rows_read = true;
		}
		else if (status == PGRES_COPY_OUT)
			drain_rows(dump->connection);
		else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		{
			good = false;
			report(dump, PQresultErrorMessage(result));
		}
		*savepoint = strcmp(tag, "SAVEPOINT") == 0 || strcmp(tag, "RELEASE") == 0 || strcmp(tag, "ROLLBACK") == 0;
		PQclear(result);
		if (!good)
			break;
	}
	while ((result = PQgetResult(dump->connection)) != NULL)
		PQclear(result);
	if (!good && !rows_read && begins_with(sql, "COPY") && has_word(sql, "FROM") && has_word(sql, "STDIN"))
		read_rows(dump, false);
	return good;
}

static void
run_quietly(Dump *dump, const char *sql)
{
	PQclear(PQexec(dump->connection, sql));
}

static void
run_statement(Dump *dump, const char *sql)
{
	bool		kept,
				good,
				savepoint = false;

	if (*skip_blank(sql) == '\0' || *skip_blank(sql) == ';')
		return;
	if (is_left_out(sql))
	{
		print_line(stdout, skip_blank(sql));
		return;
	}
	kept = PQtransactionStatus(dump->connection) == PQTRANS_INTRANS;
	if (kept)
		run_quietly(dump, "SAVEPOINT demo_load");
	good = run(dump, sql, &savepoint);
	if (!kept)
		return;
	if (PQtransactionStatus(dump->connection) == PQTRANS_INERROR)
		run_quietly(dump, "ROLLBACK TO SAVEPOINT demo_load");
	else if (good && !savepoint && PQtransactionStatus(dump->connection) == PQTRANS_INTRANS)
		run_quietly(dump, "RELEASE SAVEPOINT demo_load");
}

/* Strings with backslashes in them end elsewhere where the session says so. */
static bool
standard_strings(PGconn *connection)
{
	const char *value = PQparameterStatus(connection, "standard_conforming_strings");

	return value == NULL || strcmp(value, "on") == 0;
}

/* Runs what ends on a line. */
static void
run_line(Dump *dump, PsqlScanState scan, const char *line, PQExpBuffer sql)
{
	promptStatus_t prompt;
	PsqlScanResult result;

	psql_scan_setup(scan, line, (int) strlen(line), PQclientEncoding(dump->connection), standard_strings(dump->connection));
	do
	{
		if (*skip_blank(sql->data) == '\0')
			dump->first = dump->line;
		result = psql_scan(scan, sql, &prompt);
		if (result == PSCAN_SEMICOLON)
		{
			run_statement(dump, sql->data);
			resetPQExpBuffer(sql);
		}
	} while (result == PSCAN_SEMICOLON && PQstatus(dump->connection) == CONNECTION_OK);
	if (result == PSCAN_BACKSLASH && strchr(line, '\\') != NULL)
		print_line(stdout, strchr(line, '\\'));
	psql_scan_finish(scan);
	appendPQExpBufferChar(sql, '\n');
}

int
main(int argc, char **argv)
{
	const char *const names[] = {"host", "user", "dbname", "fallback_application_name", NULL};
	const char *const values[] = {argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL, "demo", NULL};
	PsqlScanState scan = psql_scan_create(&no_variables);
	PQExpBuffer sql = createPQExpBuffer();
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		length;
	Dump		dump = {.connection = PQconnectdbParams(names, values, 0)};

	PQsetNoticeProcessor(dump.connection, ignore_notice, NULL);
	while (PQstatus(dump.connection) == CONNECTION_OK && (length = getline(&line, &size, stdin)) > 0)
	{
		dump.line++;
		line[strcspn(line, "\n")] = '\0';
		run_line(&dump, scan, line, sql);
	}
	if (PQstatus(dump.connection) == CONNECTION_OK)
		run_statement(&dump, sql->data);
	if (PQstatus(dump.connection) != CONNECTION_OK)
	{
		report(&dump, PQerrorMessage(dump.connection));
		return 1;
	}
	PQfinish(dump.connection);
	psql_scan_destroy(scan);
	destroyPQExpBuffer(sql);
	free(line);
	return 0;
}
