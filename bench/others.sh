# shellcheck shell=bash disable=SC2034,SC2154 # what run.sh sets and reads
#
# What else a guard costs, each against the same without one: setting the tenant, planning, CREATE TABLE, and all of it
# as tables and tenants become many. Read by run.sh, whose words it uses; prints lines, and leaves them in others.md.

# pair <name> [pgbench's option...]: the second script against the first, for the small tenant.
pair() {
	local more=("${@:2}")
	tenant=$small
	measure_by_turns "$rounds" pair first+second
	local both="$work/tmp/pair-first+second"
	awk -v name="$1" -v a="$(median "$both" 1)" -v b="$(median "$both" 2)" -v ratio="$(median "$both" 3)" -v file="$results/others.md" 'BEGIN {
		printf "%-66s %10.3f ms %10.3f ms %9.2f\n", name, a, b, ratio
		printf "| %s | %.3f ms | %.3f ms | %.2f |\n", name, a, b, ratio >>file }'
}

# shape_for_both <prefix> <shape>: scripts of a query of shapes.sh, by hand and guarded.
shape_for_both() {
	local line
	line=$(grep "^$2|" <<<"$shapes")
	write_script first "$1 $(query hand "$small" "${line#*|}");"
	write_script second "$1 $(query guarded "$small" "${line#*|}");"
}

compare_setting() {
	write_script second 'BEGIN;' "SELECT tenant_guard.set_tenant('$small');" 'COMMIT;'
	write_script first 'BEGIN;' "SET LOCAL app.tenant = '$small';" 'COMMIT;'
	pair 'transaction: SET LOCAL, set_tenant'
	write_script first 'BEGIN;' "SELECT set_config('app.tenant', '$small', true);" 'COMMIT;'
	pair 'transaction: set_config, set_tenant'
}

compare_planning() {
	local name
	for name in 'point by key' 'join of two' 'join of four' update; do
		shape_for_both EXPLAIN "$name"
		pair "planning alone (EXPLAIN), $name: by hand, guarded"
	done
}

# A statement that is prepared once and executed for the small tenant, and one time in twenty for the whale, whose times
# are among those that do not count. By hand it has a parameter, and PostgreSQL plans it for each value or for none;
# guarded it is planned for the tenant of the moment. With this page cost the whale reads the table from end to end.
compare_kept_plans() {
	local choice=('\set n random(1, 20)' '\if :n > 1' "\set n $((16#${small%%-*}))" '\endif')
	protocol=prepared more_options='-c random_page_cost=4'
	write_script first "${choice[@]}" 'BEGIN;' "SELECT set_config('app.tenant', '$small', true);" \
		"SELECT count(*) FROM hand.orders WHERE status <> 'none' AND tenant_id = hand.tenant(:n);" 'COMMIT;'
	write_script second "${choice[@]}" 'BEGIN;' 'SELECT tenant_guard.set_tenant(hand.tenant(:n));' \
		"SELECT count(*) FROM guarded.orders WHERE status <> 'none';" 'COMMIT;'
	pair 'a kept plan, now and then the whale'"'"'s: by hand with a parameter, guarded'
	protocol=simple more_options=''
}

# compare_creation <where>
compare_creation() {
	write_script first 'BEGIN;' 'CREATE TABLE hand.made (id int, tenant_id uuid);' 'ROLLBACK;'
	write_script second 'BEGIN;' 'CREATE TABLE guarded.made (id int, tenant_id uuid);' 'ROLLBACK;'
	pair "CREATE TABLE$1: not guarded, guarded"
}

# make_tables <number>: as many guarded tables.
make_tables() {
	local made
	sql -c 'CREATE SCHEMA IF NOT EXISTS many' -c 'GRANT USAGE ON SCHEMA many TO app' 2>"$work/tmp/error"
	made=$(sql -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'many'::regnamespace")
	while [ "$made" -lt "$1" ]; do
		sql -c "SET client_min_messages = warning; DO \$\$ BEGIN FOR i IN $made .. least($made + 199, $1 - 1) LOOP EXECUTE format('CREATE TABLE many.t%s (id int, tenant_id uuid)', i); END LOOP; END \$\$"
		made=$((made + 200 < $1 ? made + 200 : $1))
	done
}

# A point query and CREATE TABLE beside ever more guarded tables; a session's first query fills its caches.
grow_tables() {
	local tables
	for tables in 10 100 1000 10000; do
		[ "$tables" -le $((rows / 100)) ] || break
		make_tables "$tables"
		shape_for_both '' 'point by key'
		pair "point query beside $tables guarded tables: by hand, guarded"
		pair "a session's first query beside $tables guarded tables: by hand, guarded" -C
		compare_creation " beside $tables guarded tables"
	done
}

# The same number of rows, of ever more tenants: a transaction of any one of them, its tenant set for it in both.
grow_tenants() {
	local tenants schema
	for tenants in 10 100 1000 10000 100000 1000000; do
		[ "$tenants" -le "$rows" ] || break
		for schema in hand guarded; do
			sql -c 'SET tenant_guard.bypass = on' -c 'SET client_min_messages = warning' -c "DROP TABLE IF EXISTS $schema.grown" \
				-c "CREATE TABLE $schema.grown (id bigint, tenant_id uuid, body text)" \
				-c "INSERT INTO $schema.grown SELECT i, hand.tenant(1 + i % $tenants), 'body ' || i FROM generate_series(1, $rows) i" \
				-c "ALTER TABLE $schema.grown ADD PRIMARY KEY (tenant_id, id)" -c "GRANT SELECT ON $schema.grown TO app" -c "VACUUM ANALYZE $schema.grown"
		done
		write_script first "\\set n random(1, $tenants)" 'BEGIN;' "SELECT set_config('app.tenant', '$small', true);" \
			'SELECT id, body FROM hand.grown WHERE tenant_id = hand.tenant(:n) ORDER BY id LIMIT 10;' 'COMMIT;'
		write_script second "\\set n random(1, $tenants)" 'BEGIN;' 'SELECT tenant_guard.set_tenant(hand.tenant(:n));' \
			'SELECT id, body FROM guarded.grown ORDER BY id LIMIT 10;' 'COMMIT;'
		pair "transaction of one of $tenants tenants: by hand, guarded"
	done
}

# CREATE TABLE alone, with the same figures as among the others.
creation() {
	local tables
	printf '%s\n' '| what | first | second | ratio |' '|---|---|---|---|' >"$results/others.md"
	sql -c 'GRANT CREATE ON SCHEMA hand, guarded TO app'
	protocol=simple
	compare_creation ''
	for tables in 10 100 1000 10000; do
		[ "$tables" -le $((rows / 100)) ] || break
		make_tables "$tables"
		compare_creation " beside $tables guarded tables"
	done
}

others() {
	printf '%s\n' '| what | first | second | ratio |' '|---|---|---|---|' >"$results/others.md"
	sql -c 'GRANT CREATE ON SCHEMA hand, guarded TO app'
	protocol=simple
	compare_setting
	compare_planning
	compare_kept_plans
	compare_creation ''
	grow_tables
	grow_tenants
}
