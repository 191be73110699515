/*-------------------------------------------------------------------------
 *
 * constraint_compat.h
 *	  What differs between the supported servers in constraints; a part of compat.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CONSTRAINT_COMPAT_H
#define TENANT_GUARD_CONSTRAINT_COMPAT_H

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"

/* CHECK ... NOT ENFORCED came with 18. */
static inline bool
constraint_is_enforced(const FormData_pg_constraint *con)
{
#if PG_VERSION_NUM >= 180000
	return con->conenforced;
#else
	return true;
#endif
}

/* Keys with a PERIOD, and constraints WITHOUT OVERLAPS, came with 18. */
static inline bool
constraint_has_period(const FormData_pg_constraint *con)
{
#if PG_VERSION_NUM >= 180000
	return con->conperiod;
#else
	return false;
#endif
}

/* Can a foreign key of a partitioned table not be NOT VALID?  It can from 18 on. */
static inline bool
partitioned_keys_are_validated(void)
{
#if PG_VERSION_NUM >= 180000
	return false;
#else
	return true;
#endif
}

/*
 * From 18 on a NOT NULL constraint can be NOT VALID.  attnotnull is set then,
 * too; convalidated in pg_constraint is not.
 */
static inline bool
not_null_is_unvalidated(Oid relid, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	HeapTuple	tuple = findNotNullConstraintAttnum(relid, attnum);

	return HeapTupleIsValid(tuple) &&
		!((Form_pg_constraint) GETSTRUCT(tuple))->convalidated;
#else
	return false;
#endif
}

/* From 18 on NOT NULL is a constraint, for AddRelationNewConstraints; before attnotnull is all that there is.  And keys that are NOT ENFORCED have no triggers. */
#if PG_VERSION_NUM >= 180000
#define not_null_constraints(column) list_make1(makeNotNullConstraint(makeString(pstrdup(column))))
#define KEYS_MAY_LACK_TRIGGERS true
#else
#define not_null_constraints(column) NIL
#define KEYS_MAY_LACK_TRIGGERS false
#endif

/* Returns the constraint that ALTER CONSTRAINT ... NOT ENFORCED names, or NULL for other subcommands; it came with 18. */
static inline const char *
unenforced_constraint(const AlterTableCmd *cmd)
{
#if PG_VERSION_NUM >= 180000
	const ATAlterConstraint *alter = (const ATAlterConstraint *) cmd->def;

	if (cmd->subtype == AT_AlterConstraint && alter->alterEnforceability && !alter->is_enforced)
		return alter->conname;
#endif
	return NULL;
}

/* Is the subcommand ALTER CONSTRAINT ... ENFORCED, which came with 18? */
static inline bool
enforces_constraint(const AlterTableCmd *cmd)
{
#if PG_VERSION_NUM >= 180000
	return cmd->subtype == AT_AlterConstraint && ((const ATAlterConstraint *) cmd->def)->alterEnforceability &&
		((const ATAlterConstraint *) cmd->def)->is_enforced;
#else
	return false;
#endif
}

#endif							/* TENANT_GUARD_CONSTRAINT_COMPAT_H */
