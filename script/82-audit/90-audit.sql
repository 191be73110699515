
--
-- What is wrong, or should be known: for the DBA, and whom the DBA grants it to
--
-- A rule is one query of five columns and an order: name, level, object, detail, remedy, and, where remedies must be
-- run in a certain order within the rule, a number to sort by. The levels:
--   error     rows can cross tenants now, at least in a session that has not loaded the library
--   warning   one step more is needed
--   info      a DBA should know
--   accepted  somebody has accepted it (85-accepted.sql), for a reason and perhaps for a time; no rule has this level
-- No rule may find anything in a database where nobody has made a mistake. A remedy is SQL that makes the finding
-- go away, and null where that takes a decision. What belongs to an extension, or lies in a schema that
-- tenant_guard.excluded_schemas names, is left alone. A rule needs its fault planted, and its remedy run, in
-- sql/audit_findings.sql, in a test of its own beside it, or in test/t/ (030_audit.pl and others) where that takes a server of its own.
-- The rules, the most severe level of each, and the function that has it.
CREATE VIEW tenant_guard_internal.audit_rules AS
SELECT v.rule, v.level, v.part
FROM (VALUES
	   ('guard_incomplete', 'error', 'audit_guards'),
	   ('parent_unguarded', 'error', 'audit_guards'),
	   ('part_unguarded', 'error', 'audit_guards'),
	   ('permissive_policy_missing', 'warning', 'audit_guards'),
	   ('unguarded_table', 'error', 'audit_guards'),
	   ('unprotected_table', 'warning', 'audit_guards'),
	   ('tenant_column_missing', 'error', 'audit_missing_columns'),
	   ('tenants_table_open', 'error', 'audit_missing_columns'),
	   ('nothing_guarded', 'warning', 'audit_undecided'),
	   ('undecided_table', 'warning', 'audit_undecided'),
	   ('not_null_pending', 'warning', 'audit_tenant_columns'),
	   ('tenant_column_unused', 'warning', 'audit_tenant_columns'),
	   ('tenant_default_missing', 'info', 'audit_tenant_columns'),
	   ('tenant_index_missing', 'warning', 'audit_tenant_columns'),
	   ('tenant_type_differs', 'error', 'audit_tenant_columns'),
	   ('gin_without_tenant', 'info', 'audit_gin_indexes'),
	   ('vector_search_overfilters', 'warning', 'audit_gin_indexes'),
	   ('foreign_part', 'error', 'audit_foreign_tables'),
	   ('foreign_table_exposes', 'error', 'audit_foreign_tables'),
	   ('policy_before_isolation', 'warning', 'audit_policies'),
	   ('policy_reads_unsafe_function', 'warning', 'audit_policies'),
	   ('foreign_key_disabled', 'error', 'audit_foreign_keys'),
	   ('foreign_key_not_valid', 'warning', 'audit_foreign_keys'),
	   ('unpaired_foreign_key', 'error', 'audit_foreign_keys'),
	   ('cascade_as_unbound_owner', 'warning', 'audit_key_actions'),
	   ('cascade_from_outside', 'error', 'audit_key_actions'),
	   ('key_action_sets_tenant', 'warning', 'audit_key_actions'),
	   ('key_calls_function', 'error', 'audit_key_functions'),
	   ('unique_without_tenant', 'warning', 'audit_unique_keys'),
	   ('materialized_view_exposes', 'error', 'audit_views'),
	   ('rule_bypasses', 'error', 'audit_views'),
	   ('view_bypasses', 'error', 'audit_views'),
	   ('bypass_for_everyone', 'warning', 'audit_definers'),
	   ('definer_function_bypasses', 'error', 'audit_definers'),
	   ('leakproof_function', 'warning', 'audit_functions'),
	   ('trigger_runs_as_owner', 'warning', 'audit_functions'),
	   ('trusted_function', 'info', 'audit_functions'),
	   ('mixed_comparison', 'warning', 'audit_comparisons'),
	   ('trigger_granted', 'warning', 'audit_triggers'),
	   ('trigger_of_other', 'error', 'audit_triggers'),
	   ('application_owns_table', 'warning', 'audit_roles'),
	   ('backup_role_missing', 'warning', 'audit_roles'),
	   ('role_bypasses', 'warning', 'audit_roles'),
	   ('role_reaches_around', 'warning', 'audit_roles'),
	   ('statements_readable', 'info', 'audit_statistics'),
	   ('statistics_readable', 'warning', 'audit_statistics'),
	   ('beside_tables', 'warning', 'audit_beside_tables'),
	   ('event_trigger_disabled', 'error', 'audit_library'),
	   ('function_replaced', 'error', 'audit_library'),
	   ('not_preloaded', 'warning', 'audit_library'),
	   ('server_outdated', 'error', 'audit_server'),
	   ('bypass_granted', 'info', 'audit_settings'),
	   ('setting_granted', 'info', 'audit_settings'),
	   ('setting_disagrees', 'error', 'audit_settings'),
	   ('setting_loosened', 'error', 'audit_settings'),
	   ('authority_by_role', 'warning', 'audit_other_settings'),
	   ('policy_superfluous', 'info', 'audit_other_settings'),
	   ('setting_name_refused', 'warning', 'audit_other_settings'),
	   ('setting_read_empty', 'warning', 'audit_other_settings'),
	   ('publication_refuses_changes', 'warning', 'audit_replication'),
	   ('publication_unfiltered', 'warning', 'audit_replication'),
	   ('subscription_will_fail', 'warning', 'audit_replication')) v (rule, level, part);
COMMENT ON VIEW tenant_guard_internal.audit_rules IS 'the rules of audit(), and the functions that have them; a part of audit()';
GRANT SELECT ON tenant_guard_internal.audit_rules TO PUBLIC;

-- What the rules find, at this level or a more severe one. A function all of whose rules are left out is not called.
CREATE FUNCTION tenant_guard_internal.findings(wanted text, without text[]) RETURNS SETOF tenant_guard_internal.finding
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
DECLARE
	levels CONSTANT text[] := ARRAY['error', 'warning', 'info', 'accepted'];
	least CONSTANT int := COALESCE(array_position(levels, COALESCE(wanted, 'accepted')), 0);
	left_out CONSTANT text[] := ARRAY(SELECT w.rule FROM unnest(without) w (rule) WHERE w.rule IS NOT NULL); -- beside a null nothing would be found
	rules text;
	unknown text;
	part text;
BEGIN
	IF least = 0 THEN
		RAISE EXCEPTION 'invalid level for audit(): "%"', wanted
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Levels are "error", "warning", "info" and "accepted".';
	END IF;
	SELECT string_agg(DISTINCT format('"%s"', w.rule), ', ') INTO unknown
	FROM unnest(left_out) w (rule) WHERE w.rule NOT IN (SELECT r.rule FROM tenant_guard_internal.audit_rules r);
	IF unknown IS NOT NULL THEN
		SELECT string_agg(r.rule, ', ' ORDER BY r.rule COLLATE "C") INTO rules FROM tenant_guard_internal.audit_rules r;
		RAISE EXCEPTION 'audit() has no rule %', unknown
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Rules are %s.', rules);
	END IF;
	FOR part IN
		SELECT r.part FROM tenant_guard_internal.audit_rules r
		WHERE r.rule <> ALL (left_out) AND array_position(levels, r.level) <= least
		GROUP BY r.part
	LOOP
		RETURN QUERY EXECUTE format('SELECT f.* FROM tenant_guard_internal.%I() f WHERE f.rule <> ALL ($1) AND array_position($2, f.level) <= $3', part)
			USING left_out, levels, least;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.findings(text, text[]) IS 'what the rules find, before it is put in order; a part of audit()';

-- The acceptances that count: those where their finding belongs, whatever other labels say.
CREATE FUNCTION tenant_guard_internal.acceptances_in_place() RETURNS SETOF tenant_guard_internal.acceptance
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT a.* FROM tenant_guard_internal.acceptances() a
WHERE (a.classoid, a.objoid) = (SELECT p.classoid, p.objoid FROM tenant_guard_internal.place_of_finding(a.rule, a.object) p)
$$;
COMMENT ON FUNCTION tenant_guard_internal.acceptances_in_place() IS 'the findings that labels accept where they belong; a part of audit()';

-- One that has ended, or is of a finding that said something else, is none.
CREATE FUNCTION tenant_guard_internal.acceptance_status(until timestamptz, details text[], rule text, level text, detail text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN until <= now() THEN 'ended'
			WHEN details IS NULL OR tenant_guard_internal.finding_digest(rule, level, detail) = ANY (details) THEN 'accepted'
			ELSE 'changed' END
$$;
COMMENT ON FUNCTION tenant_guard_internal.acceptance_status(timestamptz, text[], text, text, text) IS 'whether a finding is accepted, or why it is not any more; a part of audit()';

-- What the rules find, with those that somebody has accepted as such, if they are wanted.
CREATE FUNCTION tenant_guard_internal.judged_findings(wanted text, without text[]) RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH accepted AS MATERIALIZED (SELECT * FROM tenant_guard_internal.acceptances_in_place())
SELECT f.rule, CASE WHEN v.status = 'accepted' THEN 'accepted' ELSE f.level END, f.object,
	   CASE v.status
	   WHEN 'accepted' THEN format('accepted%s%s: %s (%s: %s)', ' by ' || a.accepted_by, ' until ' || v.until, a.reason, f.level, f.detail)
	   WHEN 'ended' THEN format('%s (was accepted until %s: %s)', f.detail, v.until, a.reason)
	   WHEN 'changed' THEN format('%s (what was accepted said something else: %s)', f.detail, a.reason)
	   ELSE f.detail END,
	   CASE WHEN v.status IS DISTINCT FROM 'accepted' THEN f.remedy END, f.step
FROM tenant_guard_internal.findings(wanted, without) f
	 LEFT JOIN accepted a ON a.rule = f.rule AND a.object = f.object
	 LEFT JOIN LATERAL (SELECT tenant_guard_internal.acceptance_status(a.until, a.details, f.rule, f.level, f.detail) AS status,
							   to_char(a.until, CASE WHEN a.until = date_trunc('day', a.until) THEN 'YYYY-MM-DD' ELSE 'YYYY-MM-DD HH24:MI TZ' END) AS until) v ON a.rule IS NOT NULL
WHERE COALESCE(wanted, 'accepted') = 'accepted' OR v.status IS DISTINCT FROM 'accepted'
$$;
COMMENT ON FUNCTION tenant_guard_internal.judged_findings(text, text[]) IS 'what the rules find, and whether it is accepted; a part of audit()';

-- Findings stand by the object that is to be changed: of a key, a policy or a trigger, its table ("... on table"). First the objects with
-- the most severe findings; among them those whose remedies must be run first.
CREATE FUNCTION audit(level text DEFAULT NULL, without text[] DEFAULT NULL, OUT rule text, OUT level text, OUT object text, OUT detail text, OUT remedy text, OUT price text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
SELECT f.rule, f.level, f.object, f.detail, f.remedy, tenant_guard_internal.price(ARRAY(SELECT s FROM tenant_guard_internal.plan_steps(f.remedy) s))
FROM (SELECT f.*, s.severity, g.changed,
			 min(s.severity) OVER of_object AS worst, min(f.step) FILTER (WHERE f.remedy IS NOT NULL) OVER of_object AS first_step
	  FROM tenant_guard_internal.judged_findings(audit.level, audit.without) f
		   CROSS JOIN LATERAL (SELECT array_position(ARRAY['error', 'warning', 'info', 'accepted'], f.level) AS severity) s
		   CROSS JOIN LATERAL (SELECT regexp_replace(f.object, '^("([^"]|"")*"|[^" ]+) on ', '') AS changed) g
	  WINDOW of_object AS (PARTITION BY g.changed)) f
ORDER BY f.worst, f.first_step, f.changed COLLATE "C", f.severity, f.step, f.rule COLLATE "C", f.object COLLATE "C"
$$;
COMMENT ON FUNCTION audit(text, text[]) IS 'what is wrong with the isolation of tenants, or should be known, and the SQL that corrects it';
REVOKE ALL ON FUNCTION audit(text, text[]) FROM PUBLIC;

-- Acceptances with the level that their finding has without them. Rules that nobody has accepted are not looked at.
CREATE VIEW accepted_findings AS
SELECT a.rule, a.object, f.level,
	   CASE WHEN f.rule IS NULL THEN 'not found'
			ELSE tenant_guard_internal.acceptance_status(a.until, a.details, f.rule, f.level, f.detail) END AS status,
	   a.reason, a.accepted_by, a.until, f.detail
FROM tenant_guard_internal.acceptances_in_place() a
	 LEFT JOIN tenant_guard_internal.findings(NULL, ARRAY(SELECT r.rule FROM tenant_guard_internal.audit_rules r
														  WHERE r.rule NOT IN (SELECT o.rule FROM tenant_guard_internal.acceptances() o))) f
			   ON f.rule = a.rule AND f.object = a.object;
COMMENT ON VIEW accepted_findings IS 'the findings of audit() that somebody has accepted, by whom and why, and whether that still counts';
COMMENT ON COLUMN accepted_findings.level IS 'the level that the finding has when it is not accepted; null if it is not found any more';
COMMENT ON COLUMN accepted_findings.status IS 'accepted, ended, changed or not found';
COMMENT ON COLUMN accepted_findings.detail IS 'what is found now';

-- One row, for dashboards.
CREATE VIEW status AS
SELECT t.guarded, t.damaged, t.unguarded, t.unprotected, t.shared, t.null_rows_shared,
	   a.errors, a.warnings, a.infos, a.accepted,
	   tenant_guard.library_preloaded() AS preloaded,
	   e.extversion AS version,
	   tenant_guard.library_version() AS library_version,
	   CASE WHEN NOT tenant_guard.library_preloaded() THEN tenant_guard.preload_statement(d.oid, 0) END AS to_preload
FROM (SELECT pg_catalog.count(*) FILTER (WHERE status = 'guarded') AS guarded,
			 pg_catalog.count(*) FILTER (WHERE status = 'damaged') AS damaged,
			 pg_catalog.count(*) FILTER (WHERE status = 'unguarded') AS unguarded,
			 pg_catalog.count(*) FILTER (WHERE status = 'unprotected') AS unprotected,
			 pg_catalog.count(*) FILTER (WHERE status = 'shared') AS shared,
			 pg_catalog.count(*) FILTER (WHERE null_rows = 'shared') AS null_rows_shared
	  FROM tenant_guard.tables) t
	 CROSS JOIN (SELECT pg_catalog.count(*) FILTER (WHERE level = 'error') AS errors,
						pg_catalog.count(*) FILTER (WHERE level = 'warning') AS warnings,
						pg_catalog.count(*) FILTER (WHERE level = 'info') AS infos,
						pg_catalog.count(*) FILTER (WHERE level = 'accepted') AS accepted
				 FROM tenant_guard.audit()) a
	 CROSS JOIN pg_catalog.pg_extension e
	 CROSS JOIN pg_catalog.pg_database d
WHERE e.extname = 'tenant_guard' AND d.datname = pg_catalog.current_database();
COMMENT ON VIEW status IS 'one row: how many tables are guarded, how many findings audit() has, and what is installed';
