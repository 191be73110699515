# COPY FROM into guarded tables: what it does is what it does to the same tables without a guard, whatever the options, the
# triggers and the policies; other libraries see it; and no input stores a row of another tenant.
use strict;
use warnings FATAL => 'all';

use File::Spec;
use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TenantGuard;
use Test::More;

my $node = start_server('copied', conf => "log_min_messages = fatal");
my $directory = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir());
chmod 0755, $directory;

# Five shapes of a table, in one schema with a guard and in one without: bare, with a BEFORE ROW trigger, with a policy of the
# application's own (which lets all rows pass), partitioned, and partitioned with such a trigger on a partition.
sub schema
{
	my ($name, $default) = @_;
	my $columns = "id int, gone int, tenant_id uuid NOT NULL DEFAULT $default, body text CHECK (body <> 'bad'), n numeric(6,2) DEFAULT 1.5, "
		. "twice int GENERATED ALWAYS AS (id * 2) STORED, serial int GENERATED ALWAYS AS IDENTITY, at date";

	return <<"SQL";
CREATE SCHEMA $name;
CREATE TABLE $name.bare ($columns, PRIMARY KEY (id));
CREATE TABLE $name.triggered ($columns, PRIMARY KEY (id));
CREATE TABLE $name.policed ($columns, PRIMARY KEY (id));
CREATE TABLE $name.parts (id int, gone int, tenant_id uuid NOT NULL DEFAULT $default, body text CHECK (body <> 'bad'), n numeric(6,2) DEFAULT 1.5, twice int, serial int, at date) PARTITION BY RANGE (id);
CREATE TABLE $name.parts_low PARTITION OF $name.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE $name.parts_high (body text CONSTRAINT parts_body_check CHECK (body <> 'bad'), id int, at date, tenant_id uuid NOT NULL DEFAULT $default, n numeric(6,2), twice int, serial int, gone int);
ALTER TABLE $name.parts ATTACH PARTITION $name.parts_high FOR VALUES FROM (10) TO (1000);
CREATE TABLE $name.edited (LIKE $name.parts) PARTITION BY RANGE (id);
CREATE TABLE $name.edited_low PARTITION OF $name.edited (tenant_id DEFAULT $default, n DEFAULT 1.5) FOR VALUES FROM (0) TO (10);
CREATE TABLE $name.edited_high PARTITION OF $name.edited FOR VALUES FROM (10) TO (1000);
ALTER TABLE $name.edited ALTER tenant_id SET DEFAULT $default, ALTER n SET DEFAULT 1.5;
ALTER TABLE $name.triggered DROP COLUMN gone;
ALTER TABLE $name.policed DROP COLUMN gone;
CREATE FUNCTION $name.edit() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	IF new.body = 'skip' THEN RETURN NULL; END IF;
	IF new.body = 'stop' THEN RAISE 'stopped at %', new.id; END IF;
	IF new.body = 'steal' THEN new.tenant_id := '$TENANT_B'; END IF;
	new.body := new.body || '!';
	RETURN new;
END \$\$;
CREATE FUNCTION $name.say() RETURNS trigger LANGUAGE plpgsql AS \$\$
DECLARE
	progress text;
BEGIN
	PERFORM pg_stat_clear_snapshot();
	SELECT concat_ws(' ', command, type, tuples_processed, tuples_excluded) INTO progress FROM pg_stat_progress_copy WHERE pid = pg_backend_pid();
	RAISE NOTICE '% % %: % (%)', tg_table_name, tg_when, tg_level, to_jsonb(new) - 'tenant_id', progress;
	RETURN NULL;
END \$\$;
CREATE FUNCTION $name.count() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE NOTICE '% new', (SELECT count(*) FROM new); RETURN NULL; END \$\$;
CREATE TRIGGER edit BEFORE INSERT ON $name.triggered FOR EACH ROW EXECUTE FUNCTION $name.edit();
CREATE TRIGGER edit BEFORE INSERT ON $name.edited_low FOR EACH ROW EXECUTE FUNCTION $name.edit();
CREATE TRIGGER before_all BEFORE INSERT ON $name.triggered FOR EACH STATEMENT EXECUTE FUNCTION $name.say();
CREATE TRIGGER after_row AFTER INSERT ON $name.triggered FOR EACH ROW WHEN (new.id > 5) EXECUTE FUNCTION $name.say();
CREATE TRIGGER after_row AFTER INSERT ON $name.bare FOR EACH ROW WHEN (new.id > 7) EXECUTE FUNCTION $name.say();
CREATE TRIGGER after_all AFTER INSERT ON $name.triggered REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION $name.count();
CREATE TRIGGER after_all AFTER INSERT ON $name.bare REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION $name.count();
CREATE TRIGGER after_all AFTER INSERT ON $name.edited REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION $name.count();
GRANT USAGE ON SCHEMA $name TO app, reader;
GRANT ALL ON ALL TABLES IN SCHEMA $name TO app, reader;
SQL
}

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
SET client_min_messages = warning;
CREATE ROLE reader LOGIN;
GRANT pg_read_server_files, pg_execute_server_program TO reader;
SET tenant_guard.auto_protect = off;
@{[ schema('regular', "'$TENANT_A'") ]}
@{[ schema('guarded', 'tenant_guard.current_tenant()') ]}
SELECT tenant_guard.protect_schema('guarded');
CREATE POLICY also ON guarded.policed AS RESTRICTIVE USING (true);
SQL
is(superuser_says($node, 'postgres', "SELECT count(*) FROM tenant_guard.tables WHERE status = 'guarded'"), '5', 'the tables are guarded');

# ----------------------------------------------------------------
# The same as without a guard
# ----------------------------------------------------------------

my ($text, $binary) = ("$directory/text", "$directory/binary");
append_to_file($text, "1\tfrom a file\n2\t\\N\n");
$node->safe_psql('postgres', "COPY (VALUES (1, 'binary'), (12, NULL)) TO '$binary' (FORMAT binary)");
chmod 0644, $text, $binary;

# Each is run on every table; T is its name. What is refused before the data has none.
my @cases = split /^---\n/m, <<"CASES";
COPY T (id, body) FROM stdin;
1	one
11	eleven
8	eight
\\.
---
COPY T (tenant_id, body, id) FROM stdin WITH (FORMAT csv, HEADER, DELIMITER ';', QUOTE '''', NULL 'none', FORCE_NOT_NULL (body));
tenant_id;body;id
$TENANT_A;'it''s; one';1
$TENANT_A;none;12
\\.
---
COPY T (id, body) FROM stdin WITH (FORMAT csv, HEADER MATCH);
id,body
1,a
\\.
---
COPY T (id, body) FROM stdin WITH (FORMAT csv, HEADER MATCH);
body,id
a,1
\\.
---
COPY T (id, body, at) FROM stdin WITH (FORMAT csv, FORCE_NULL (at, body));
1,"",""
2,b,2026-02-29
\\.
---
COPY T (id, body) FROM stdin WHERE id > 5 AND body IS NOT NULL;
1	one
6	six
7	\\N
18	eighteen
\\.
---
COPY T (id, body) FROM stdin;
11	eleven
13	thirteen
\\.
---
COPY T (id, body) FROM stdin WHERE id > 100;
1	one
\\.
---
COPY T (id, body) FROM stdin WHERE random() < 0;
1	one
\\.
---
COPY T (id, serial, body) FROM stdin;
1	77	given
\\.
---
COPY T (id, n, body) FROM stdin;
1	3.14159	rounded
2	99999	too much
\\.
---
COPY T (id, body) FROM stdin;
1	one
x	two
\\.
---
COPY T (id, body) FROM stdin;
1	one	more
\\.
---
COPY T (id, body) FROM stdin;
1
\\.
---
COPY T (id, body) FROM stdin;
1	bad
\\.
---
COPY T (id, body) FROM stdin;
1	one
1	again
\\.
---
COPY T (id, body) FROM stdin;
5000	nowhere
\\.
---
COPY T (id, body) FROM stdin;
1	skip
2	kept
3	skip
\\.
---
COPY T (id, body) FROM stdin;
1	one
2	stop
\\.
---
COPY T (id, body) FROM stdin WITH (FORMAT csv);
1,"broken
\\.
---
COPY T (id, body) FROM stdin;
\\N	\\N
\\.
---
COPY T (id, tenant_id) FROM stdin;
1	not-a-uuid
\\.
---
COPY T (id, body) FROM stdin WITH (DEFAULT '\\D');
1	\\D
\\.
---
COPY T (id, n) FROM stdin WITH (DEFAULT '\\D');
1	\\D
2	4
\\.
---
COPY T (id, n) FROM stdin WITH (ON_ERROR ignore);
1	2
two	2
3	many
4	5
\\.
---
COPY T (id, n) FROM stdin WITH (ON_ERROR ignore, LOG_VERBOSITY verbose);
two	2
4	5
\\.
---
COPY T (id, n) FROM stdin WITH (ON_ERROR ignore, LOG_VERBOSITY silent);
two	2
4	5
\\.
---
COPY T (id, n) FROM stdin WITH (ON_ERROR ignore, REJECT_LIMIT 1);
1	2
two	2
3	many
4	5
\\.
---
COPY T (id, n) FROM stdin WITH (ON_ERROR set_null);
1	many
2	5
\\.
---
\\copy T (id, body) FROM '$text'
---
\\copy T (id, body) FROM '$binary' (FORMAT binary)
---
\\copy T (id, body) FROM '$text' (FORMAT binary)
---
\\copy T (id, body) FROM PROGRAM 'echo 4'
---
\\copy T (id, twice) FROM /dev/null
---
\\copy T (id, id) FROM /dev/null
---
\\copy T (id, missing) FROM /dev/null
---
\\copy T FROM /dev/null (FORMAT binary, DELIMITER 'x')
---
\\copy T FROM /dev/null (FORCE_NULL (id))
---
\\copy T FROM /dev/null WHERE id IN (SELECT 1)
---
\\copy T FROM /dev/null WHERE count(*) > 1
---
\\copy T FROM /dev/null WHERE id
---
\\copy T FROM /dev/null WHERE missing = 1
---
COPY T (id, body) FROM '$text';
---
COPY T (id, body) FROM '$binary' (FORMAT binary);
---
COPY T (id, body) FROM '$directory/missing';
---
COPY T (id, body) FROM '$directory';
---
COPY T (id, body) FROM PROGRAM 'printf "1\\tone\\n"';
---
COPY T (id, body) FROM PROGRAM 'printf "1\\tone\\n"; exit 3';
---
DO \$\$ DECLARE n bigint; BEGIN COPY T (id, body) FROM '$text'; GET DIAGNOSTICS n = ROW_COUNT; RAISE NOTICE '% rows', n; END \$\$;
---
DO \$\$ BEGIN COPY T (id, n) FROM '$text'; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%: %', sqlstate, sqlerrm; END \$\$;
---
DO \$\$ BEGIN COPY T (id, body) FROM stdin; END \$\$;
---
BEGIN READ ONLY;
\\copy T (id, body) FROM '$text'
ROLLBACK;
---
BEGIN;
SAVEPOINT s;
COPY T (id, body) FROM stdin;
1	one
\\.
ROLLBACK TO s;
COPY T (id, body) FROM stdin;
2	two
\\.
COMMIT;
CASES

# Runs the cases on a table, and returns what each says, with what it left in the table. What depends on whether row-level
# security applies, the values in the details of errors, is left out.
sub run_cases
{
	my ($schema, $table, $role) = @_;
	my ($script, $said, $file) = ("SET client_min_messages = notice;\n", '', "$directory/script");

	for my $case (@cases)
	{
		(my $sql = $case) =~ s/\bT\b/$schema.$table/g;
		$script .= "\\echo ---\n$sql\\echo stored\n"
			. "SELECT tableoid::regclass, to_jsonb(t) - 'serial' FROM $schema.$table t ORDER BY id, body;\nDELETE FROM $schema.$table;\n";
	}
	unlink $file;
	append_to_file($file, $script);
	local $ENV{PGOPTIONS} = "-c tenant_guard.tenant_id=$TENANT_A";
	IPC::Run::run([ $node->installed_command('psql'), '-XAt', '-f', '-', '-d', $node->connstr('postgres'), '-U', $role ],
		'<', $file, '>', \$said, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$said =~ s/^psql:<stdin>:\d+: //mg;
	$said =~ s/^LINE 1: \.\.\.\w*\./LINE 1: ...SCHEMA./mg;    # psql cuts long lines
	$said =~ s/\b(?:regular|guarded)\b/SCHEMA/g;
	$said =~ s/^DETAIL:  (?:Key|Failing row|Partition key of).*\n//mg;
	$said =~ s/^ +\^\n//mg;
	# a policy of the application's own makes of the COPY an INSERT of single rows: then the line is known, and its text
	$said =~ s/^(CONTEXT:  COPY \w+, line \d+): ".*"$/$1/mg if $table eq 'policed' || $table =~ /^edited/;
	return split /^---\n/m, $said;
}

for my $table (qw(bare triggered policed parts parts_low parts_high edited edited_low))
{
	for my $role (qw(app reader))
	{
		my @regular = run_cases('regular', $table, $role);
		my @guarded = run_cases('guarded', $table, $role);
		my $different = 0;

		for my $i (0 .. $#regular)
		{
			next if $regular[$i] eq ($guarded[$i] // '');
			$different++;
			diag("$cases[$i - 1]without a guard: $regular[$i]with one: " . ($guarded[$i] // 'nothing')) if $different <= 3;
		}
		is($different, 0, "$table: all that COPY does as $role is the same with a guard and without");
		cmp_ok(scalar(grep { /^COPY [1-9]/m } @guarded), '>=', $table eq 'parts_high' ? 1 : 7, "$table: rows are copied as $role");
	}
}
is(superuser_says($node, 'postgres', "SET row_security = off; SELECT count(*) FROM guarded.bare"), '0', 'the tables are empty again');

# ----------------------------------------------------------------
# Inputs of all kinds
# ----------------------------------------------------------------

# Ten thousand files: rows of this tenant, of another one and of none, broken in many ways, in three formats.
srand(61);
my @tables = qw(bare triggered policed parts edited);
my $seed = 0;

sub one_of { return $_[ int rand @_ ]; }

sub tenant { return one_of(($TENANT_A) x 12, $TENANT_B, uc $TENANT_A, "{$TENANT_A}", '\N', '', 'x', substr($TENANT_B, 0, 20)); }

sub garble
{
	my ($data) = @_;
	my $kind = rand;

	return $data if $kind < 0.6;
	substr($data, int rand(length $data), 1) = chr(int rand 256) if $kind > 0.7;
	substr($data, int rand(length $data), 1 + int rand 8) = '' if $kind > 0.9;
	return $kind < 0.7 ? substr($data, 0, int rand(length $data)) : $data;
}

sub field { return pack('N', length $_[0]) . $_[0]; }

sub uuid { return pack('H*', $_[0] =~ s/-//gr); }

sub binary_row
{
	my $tenant = rand() < 0.1 ? pack('N', 0xffffffff) : field(uuid(one_of(($TENANT_A) x 10, $TENANT_B)));

	return pack('n', 3) . field(pack('N', ++$seed)) . $tenant . field(one_of('body', 'steal', ''));
}

sub row
{
	my ($delimiter) = @_;

	return join($delimiter, ++$seed % 900, tenant(), one_of('body', 'skip', 'steal', '"', '\\', "\x{0}", 'bad', "a\nb", '""x')) . "\n";
}

sub input
{
	my ($format) = @_;
	my $rows = 1 + int rand 4;

	return join('', "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0), (map { binary_row() } 1 .. $rows), rand() < 0.9 ? pack('n', 0xffff) : '') if $format eq 'binary';
	return join('', map { row($format eq 'csv' ? ',' : "\t") } 1 .. $rows);
}

my @formats = qw(text csv binary);
for my $i (1 .. 10000)
{
	open my $out, '>:raw', "$directory/input$i" or die $!;
	print $out garble(input($formats[ $i % 3 ]));
	close $out;
}

# The canaries: rows of another tenant, which stay as they are.
$node->safe_psql('postgres', join(' ', 'SET tenant_guard.bypass = on; SET client_min_messages = warning;',
		map { "INSERT INTO guarded.$_ (id, tenant_id, body) VALUES (999, '$TENANT_B', 'canary');" } @tables));
my $outcome = says($node, 'postgres', 'reader', <<"SQL", "-c tenant_guard.tenant_id=$TENANT_A -c client_min_messages=warning");
CREATE TEMPORARY TABLE outcome (state text, number int);
DO \$\$
DECLARE
	tables text[] := '{@{[ join ',', @tables ]}}';
	formats text[] := '{text,csv,binary}';
	stored int := 0;
	refused int := 0;
	broken int := 0;
BEGIN
	FOR i IN 1 .. 10000 LOOP
		BEGIN
			EXECUTE format('COPY guarded.%I (id, tenant_id, body) FROM %L (FORMAT %s)', tables[1 + i / 3 % 5], '$directory/input' || i, formats[1 + i % 3]);
			stored := stored + 1;
		EXCEPTION
			WHEN insufficient_privilege THEN refused := refused + 1;
			WHEN OTHERS THEN broken := broken + 1;
		END;
		IF i % 1000 = 0 THEN
			DELETE FROM guarded.bare; DELETE FROM guarded.triggered; DELETE FROM guarded.policed; DELETE FROM guarded.parts; DELETE FROM guarded.edited;
		END IF;
	END LOOP;
	INSERT INTO outcome VALUES ('stored', stored), ('refused', refused), ('broken', broken);
END \$\$;
SELECT state || ' ' || (number > 500) FROM outcome ORDER BY 1;
SQL
is($outcome, 'broken true; refused true; stored true', 'of ten thousand inputs many are stored, many refused as another tenant\'s, and many broken');
is( superuser_says($node, 'postgres', join(' UNION ALL ', map { "SELECT '$_ ' || string_agg(concat_ws(' ', id, body), ', ') FROM guarded.$_ WHERE tenant_id <> '$TENANT_A'" } @tables),
		'-c row_security=off'),
	join('; ', map { "$_ 999 canary" . (/triggered/ ? '!' : '') } @tables),
	'no input has stored a row of another tenant, or changed one');

# ----------------------------------------------------------------
# A partition that is attached while COPY reads
# ----------------------------------------------------------------

$node->safe_psql('postgres', <<"SQL");
SET tenant_guard.bypass = on; SET client_min_messages = warning;
DELETE FROM guarded.parts;
CREATE TABLE guarded.later (LIKE guarded.parts INCLUDING ALL);
CREATE TRIGGER edit BEFORE INSERT ON guarded.later FOR EACH ROW EXECUTE FUNCTION guarded.edit();
SELECT tenant_guard.protect('guarded.later');
COPY (SELECT 2000, 'steal'::text) TO '$directory/stolen' (FORMAT binary);
SQL
chmod 0644, "$directory/stolen";
{
	local $ENV{PGOPTIONS} = "-c tenant_guard.tenant_id=$TENANT_A";
	my ($out, $err) = ('', '');
	my $copy = IPC::Run::start(
		[
			$node->installed_command('psql'), '-XAtq', '-d', $node->connstr('postgres'), '-U', 'reader', '-c',
			"COPY guarded.parts (id, body) FROM PROGRAM 'while [ ! -e $directory/go ]; do sleep 0.1; done; cat $directory/stolen' (FORMAT binary)"
		],
		'>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));

	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_progress_copy") or die 'COPY has not begun';
	$node->safe_psql('postgres', 'SET tenant_guard.bypass = on; ALTER TABLE guarded.parts ATTACH PARTITION guarded.later FOR VALUES FROM (2000) TO (3000)');
	append_to_file("$directory/go", '');
	$copy->finish;
	like($err, qr/triggers of table guarded\.parts, or of a partition of it, changed while COPY ran/, 'a trigger that comes with a new partition is an error');
}
is(superuser_says($node, 'postgres', 'SELECT count(*) FROM guarded.later', '-c row_security=off'), '0', 'and its row is not stored');
like(says($node, 'postgres', 'reader', "COPY guarded.parts (id, body) FROM '$directory/stolen' (FORMAT binary)", "-c tenant_guard.tenant_id=$TENANT_A"),
	qr/^ERROR 42501/, 'when it is run again, the row is checked after the trigger');

# ----------------------------------------------------------------
# Other libraries
# ----------------------------------------------------------------

# Whichever is loaded first, the statement is counted once, with its rows and its text.
for my $libraries ('pg_stat_statements, tenant_guard', 'tenant_guard, pg_stat_statements')
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$libraries'\npg_stat_statements.track = all");
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()');
	for my $table (qw(bare triggered))
	{
		is( says($node, 'postgres', 'reader', "COPY guarded.$table (id, body) FROM '$text'; COPY guarded.$table (id, n) FROM '$text'; DELETE FROM guarded.$table",
				"-c tenant_guard.tenant_id=$TENANT_A -c client_min_messages=warning"),
			'ERROR 22P02', "$libraries: COPY into $table");
		is( $node->safe_psql('postgres', "SELECT query, calls, rows FROM pg_stat_statements WHERE query LIKE 'COPY guarded.$table%' OR query LIKE 'CALL%' OR query LIKE '%json_to_recordset%'"),
			"COPY guarded.$table (id, body) FROM '$text'|1|2", "$libraries: it is counted once");
	}
}

done_testing();
