/*-------------------------------------------------------------------------
 *
 * foreign_code.c
 *	  Finds functions of ordinary roles that a superuser's table would call.
 *
 * Our statements run as the owner of their table (own_sql.c).  If that is a
 * superuser, they must not call functions that an ordinary role wrote: in a
 * CHECK that came with LIKE or INHERITS, in a trigger, or in a domain.  The
 * dependencies in pg_depend show whether there is one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "foreign_code.h"
#include "guard_refusals.h"
#include "own_sql.h"

PG_FUNCTION_INFO_V1(tenant_guard_foreign_function);

/*
 * Returns a function that an ordinary role owns and that a constraint, default,
 * index, trigger, rule, policy or statistics object of a superuser's table
 * calls; InvalidOid if there is none, or an ordinary role owns the table.
 */
Oid
function_of_stranger(Oid relid)
{
	List	   *found;

	if (!superuser_arg(object_owner(RelationRelationId, relid)))
		return InvalidOid;
	found = query_datums(psprintf("WITH own AS ("
								  "SELECT d.classid, d.objid FROM pg_depend d"
								  " WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %u"
								  " AND (d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_statistic_ext'::regclass)"
								  " OR EXISTS (SELECT FROM pg_index i WHERE d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid)"
								  " OR EXISTS (SELECT FROM pg_rewrite w WHERE d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid AND w.ev_class = %u))),"
								  " called AS ("
								  "SELECT * FROM own"
								  " UNION SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k"
								  " WHERE k.contypid IN (SELECT d.refobjid FROM own JOIN pg_depend d USING (classid, objid) WHERE d.refclassid = 'pg_type'::regclass)"
								  " OR k.contypid IN (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = %u))"
								  " SELECT f.oid FROM called JOIN pg_depend d USING (classid, objid)"
								  " LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid"
								  " JOIN pg_proc f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END"
								  " JOIN pg_roles r ON r.oid = f.proowner WHERE NOT r.rolsuper LIMIT 1",
								  relid, relid, relid));
	return found == NIL ? InvalidOid : DatumGetObjectId(PointerGetDatum(linitial(found)));
}

/* Raises an error if a statement on the table could run such a function as a superuser. */
void
check_no_foreign_code(Oid relid)
{
	Oid			function = function_of_stranger(relid);

	if (OidIsValid(function))
		raise_refusal(runs_code_of_others(relid, function));
}

/* foreign_function(relation regclass), for prove(): what function_of_stranger returns, or null. */
Datum
tenant_guard_foreign_function(PG_FUNCTION_ARGS)
{
	Oid			function = function_of_stranger(PG_GETARG_OID(0));

	if (!OidIsValid(function))
		PG_RETURN_NULL();
	PG_RETURN_OID(function);
}
