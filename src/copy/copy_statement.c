/*-------------------------------------------------------------------------
 *
 * copy_statement.c
 *	  Prepares COPY FROM as PostgreSQL does before it reads the data.
 *
 * PostgreSQL refuses COPY FROM into a table with row-level security after it has
 * checked all else, so a COPY FROM that we run must be checked here in the same
 * way, and in the same order.  What a check refuses here without a message of its
 * own, PostgreSQL is asked to refuse: then the message is that of the server's
 * version.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/copy.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/rel.h"

#include "copy_compat.h"
#include "copy_statement.h"

/* May the current user read the file, or run the program, of a COPY FROM? */
bool
may_read_source(const CopyStmt *stmt)
{
	if (stmt->filename == NULL)
		return true;
	return has_privs_of_role(GetUserId(), stmt->is_program ? ROLE_PG_EXECUTE_SERVER_PROGRAM : ROLE_PG_READ_SERVER_FILES);
}

/*
 * Does the condition read a column that has no value yet: a generated one, or a system
 * column?  Some versions of PostgreSQL refuse them, others read what is not there.
 */
static bool
reads_missing_column(Node *where, Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);
	Bitmapset  *read = NULL;
	bool		all;
	int			member = -1;

	pull_varattnos(where, 1, &read);
	all = bms_is_member(-FirstLowInvalidHeapAttributeNumber, read);
	for (int i = 0; i < columns->natts; i++)
		if (all && TupleDescAttr(columns, i)->attgenerated != '\0')
			return true;
	while ((member = bms_next_member(read, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if ((attnum < 0 && attnum != TableOidAttributeNumber) ||
			(attnum > 0 && TupleDescAttr(columns, attnum - 1)->attgenerated != '\0'))
			return true;
	}
	return false;
}

/* Analyzes WHERE.  Returns false if it reads a column that has no value. */
static bool
prepare_where(PreparedCopy *prepared, ParseNamespaceItem *item)
{
	ParseState *pstate = prepared->pstate;
	Node	   *where;

	if (prepared->stmt->whereClause == NULL)
		return true;
	addNSItemToQuery(pstate, item, false, true, true);
	where = transformExpr(pstate, copyObject(prepared->stmt->whereClause), EXPR_KIND_COPY_WHERE);
	where = coerce_to_boolean(pstate, where, "WHERE");
	assign_expr_collations(pstate, where);
	if (reads_missing_column(where, prepared->relation))
		return false;
	where = eval_const_expressions(NULL, where);
	where = (Node *) canonicalize_qual((Expr *) where, false);
	prepared->where = make_ands_implicit((Expr *) where);
	return true;
}

/* The columns that are written. */
static Bitmapset *
written_columns(const PreparedCopy *prepared)
{
	Bitmapset  *written = NULL;
	List	   *columns = CopyGetAttnums(RelationGetDescr(prepared->relation), prepared->relation, prepared->stmt->attlist);
	ListCell   *lc;

	foreach(lc, columns)
		written = bms_add_member(written, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	return written;
}

/*
 * Opens the table, analyzes the statement and checks permissions; the source must have
 * been checked by may_read_source.  Returns false for a statement that PostgreSQL must
 * be left to refuse.
 */
bool
prepare_copy(const Copy *copy, PreparedCopy *prepared)
{
	ParseNamespaceItem *item;
	PermissionInfo *info;

	prepared->stmt = castNode(CopyStmt, copy->planned->utilityStmt);
	prepared->where = NIL;
	prepared->pstate = make_parsestate(NULL);
	prepared->pstate->p_sourcetext = copy->query_string;
	prepared->pstate->p_queryEnv = copy->query_env;
	prepared->relation = table_open(copy->relid, NoLock);

	item = addRangeTableEntryForRelation(prepared->pstate, prepared->relation, RowExclusiveLock, NULL, false, false);
	info = permission_info_of(item);
	info->requiredPerms = ACL_INSERT;
	if (!prepare_where(prepared, item))
		return false;
	prepared->columns = info->insertedCols = written_columns(prepared);
	check_permissions(prepared->pstate->p_rtable, info);
	if (XactReadOnly && !prepared->relation->rd_islocaltemp)
		PreventCommandIfReadOnly("COPY FROM");
	return true;
}
