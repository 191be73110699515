# shellcheck shell=bash disable=SC2034 # read by run.sh
#
# The queries of bench/run.sh, one a line: name|SQL. S. stands for the schema; [x] for the tenant's condition on table
# x, which only the hand-written query has, and {id}, {day}, {number} for values of the tenant's own rows.
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
