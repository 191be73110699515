-- Are the tenants of this database kept apart? For pg_prove: docs/pgtap.md explains it.
BEGIN;
SELECT no_plan();

SELECT is(status, 'guarded', format('%s is guarded', relation))
FROM tenant_guard.tables WHERE tenant_column IS NOT NULL ORDER BY relation::text;

SELECT is_empty(
	$$SELECT level, rule, object, remedy FROM tenant_guard.audit('warning', '{server_outdated,role_bypasses}')$$,
	'audit() has neither errors nor warnings');

-- as the role that the application connects as
SELECT ok(p.ok, format('%s: %s: %s', p.relation, p.probe, p.detail))
FROM tenant_guard.prove(role => 'shop_app') p WHERE p.ok IS NOT NULL;

-- what could not be tried is told and not taken for granted
SELECT skip(format('%s: %s: %s', p.relation, p.probe, p.detail), 1)
FROM tenant_guard.prove(role => 'shop_app') p WHERE p.ok IS NULL;

SELECT finish();
ROLLBACK;
