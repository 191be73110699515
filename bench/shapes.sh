# shellcheck shell=bash disable=SC2034,SC2154 # what the scripts that read it, and server.sh, define and use
#
# The queries of run.sh and instructions.sh, and the server with their data. Read after server.sh; the words are
# load_data, query, options and sql, the two tenants "whale" and "small".

whale=00000001-0000-4000-8000-000000000000 small=''
declare -A value=()

# One a line: name|SQL. S. stands for the schema; [x] for the tenant's condition on table x, which only the hand-written
# query has, and {id}, {day}, {number} for values of the tenant's own rows.
shapes="
point by key|SELECT * FROM S.orders o WHERE o.id = {id} [o]
range on index|SELECT count(*), max(id) FROM S.orders o WHERE o.placed_at >= '{day}' AND o.placed_at < '{day}'::date + 2 [o]
full scan|SELECT count(*) FROM S.orders o WHERE o.status <> 'none' [o]
aggregate|SELECT status, count(*), sum(amount) FROM S.orders o WHERE true [o] GROUP BY status
join of two|SELECT count(*), sum(o.amount) FROM S.orders o JOIN S.customers c ON c.id = o.customer_id [c] WHERE o.placed_at >= '{day}' AND o.placed_at < '{day}'::date + 20 [o]
join of four|SELECT p.name, sum(l.price) FROM S.orders o JOIN S.customers c ON c.id = o.customer_id [c] JOIN S.lines l ON l.order_id = o.id [l] JOIN S.products p ON p.id = l.product_id [p] WHERE o.placed_at >= '{day}' AND o.placed_at < '{day}'::date + 5 [o] GROUP BY p.name ORDER BY 2 DESC LIMIT 5
outer join|SELECT count(*), count(l.id) FROM S.orders o LEFT JOIN S.lines l ON l.order_id = o.id AND l.price > 50 [l] WHERE o.placed_at >= '{day}' AND o.placed_at < '{day}'::date + 5 [o]
top-N|SELECT id, amount FROM S.orders o WHERE true [o] ORDER BY placed_at DESC LIMIT 20
prefix LIKE|SELECT id, body FROM S.orders o WHERE o.body LIKE 'abc%' [o]
ILIKE|SELECT id, body FROM S.orders o WHERE o.body ILIKE '%C1234%' [o]
numeric range|SELECT count(*) FROM S.orders o WHERE o.amount BETWEEN 500 AND 501 [o]
date range|SELECT count(*) FROM S.orders o WHERE o.placed_at >= '{day}'::date AND o.placed_at < '{day}'::date + 1 [o]
jsonb containment|SELECT id FROM S.orders o WHERE o.doc @> '{\"k\": {number}}' [o]
full text|SELECT id FROM S.orders o WHERE o.words @@ to_tsquery('simple', 'w{number} & common') [o]
trigram|SELECT id FROM S.orders o WHERE o.body % 'abc12def34' [o]
partitioned|SELECT count(*) FROM S.events e WHERE e.placed_at >= '{day}' AND e.placed_at < '{day}'::date + 3 AND e.body LIKE 'ab%' [e]
insert|INSERT INTO S.sink (id, body) VALUES (1, 'x')
update|UPDATE S.orders o SET status = 'paid' WHERE o.id = {id} [o]
delete|DELETE FROM S.lines l WHERE l.order_id = {id} [l]
bulk insert|INSERT INTO S.sink (id, body) SELECT id, body FROM S.orders o WHERE o.amount < 1000 [o] LIMIT 1000
"

sql() { as_owner psql -XAtq -d bench "$@" </dev/null; }

# Connection settings set the tenant for every variant: none of them pays for setting it.
options() { echo "-c jit=off -c app.tenant=$1 -c tenant_guard.tenant_id=$1 $more_options"; }

# query <variant> <tenant> <SQL>: the query of a shape, filled in.
query() {
	local text=${3//S./$1.} alias literal=$2
	while [[ $text =~ \[([a-z])\] ]]; do
		alias=${BASH_REMATCH[1]}
		if [ "$1" = hand ]; then text=${text//"[$alias]"/"AND $alias.tenant_id = '$literal'"}; else text=${text//"[$alias]"/}; fi
	done
	if [ "$1" = hand ]; then
		text=${text//'sink (id, body) VALUES (1'/"sink (tenant_id, id, body) VALUES ('$literal', 1"}
		text=${text//'sink (id, body) SELECT id'/"sink (tenant_id, id, body) SELECT tenant_id, id"}
	fi
	text=${text//'{id}'/${value[$2.id]}}
	text=${text//'{day}'/${value[$2.day]}}
	echo "${text//'{number}'/${value[$2.number]}}"
}

# Values of a tenant's own rows.
choose_values() {
	local tenant
	small=$(sql -c "SELECT tenant_id FROM hand.orders GROUP BY 1 HAVING count(*) >= $rows / 20000 ORDER BY count(*), 1 LIMIT 1")
	for tenant in "$whale" "$small"; do
		value[$tenant.id]=$(sql -c "SELECT min(id) FROM hand.orders WHERE tenant_id = '$tenant'")
		value[$tenant.day]=$(sql -c "SELECT placed_at::date FROM hand.orders WHERE tenant_id = '$tenant' ORDER BY id LIMIT 1")
		value[$tenant.number]=$(sql -c "SELECT doc->'k' FROM hand.orders WHERE tenant_id = '$tenant' ORDER BY id LIMIT 1")
	done
}

# load_data <rows>: on a server of its own.
load_data() {
	rows=$1
	make_copy
	start_measured bench 5432 tenant_guard 'shared_buffers = 2GB' 'max_wal_size = 10GB' 'work_mem = 64MB' 'default_statistics_target = 1000' 'random_page_cost = 1.1' 'max_parallel_workers_per_gather = 0'
	as_owner createdb bench || fail "the database could not be created"
	{ install -m 644 "$project/bench/load.sql" "$work/tmp/load.sql" && sql -v rows="$rows" -f "$work/tmp/load.sql" >/dev/null; } || fail "the data could not be loaded"
	choose_values
}
