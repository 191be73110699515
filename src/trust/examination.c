/*-------------------------------------------------------------------------
 *
 * examination.c
 *	  What an examination of filters is about, and what it has found so far.
 *
 * Whatever can object returns true if it does, which ends the walk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "call_condition.h"
#include "catalog.h"
#include "examination.h"

/* One value may be made of so many columns and constants, of so long a constant. */
#define MAX_COPIES		16
#define MAX_COPIED_CONSTANT	10000

/* The table, or other source of rows, of a query that a clause refers to. */
typedef struct Source
{
	const Query *query;
	const RangeTblEntry *rte;
} Source;

/* Notes why the filters are not trusted; true, which ends a walk. */
bool
object(FilterCheck *exam, const char *objection)
{
	exam->objection = objection;
	return true;
}

/* ----------------------------------------------------------------
 *		Clauses, and the tables that they refer to
 * ----------------------------------------------------------------
 */

/* Does the clause make a new value of a column, with rows of another table there? */
bool
joins_copies(FilterCheck *exam)
{
	return exam->clause.joins && exam->clause.copies_column &&
		object(exam, "a filter on several tables makes a new value of a column");
}

/* Notes that the clause refers to rows of this source. */
void
note_source(FilterCheck *exam, const Query *query, const RangeTblEntry *rte, bool outer)
{
	Source	   *source;
	ListCell   *lc;

	exam->clause.joins |= outer;
	foreach(lc, exam->clause.sources)
	{
		source = lfirst(lc);
		if (source->query == query)
		{
			exam->clause.joins |= source->rte != rte;
			return;
		}
	}
	source = palloc(sizeof(Source));
	source->query = query;
	source->rte = rte;
	exam->clause.sources = lappend(exam->clause.sources, source);
}

/* ----------------------------------------------------------------
 *		Copies
 * ----------------------------------------------------------------
 */

/* Is this a constant, and one that may be where it is? */
bool
is_known(Node *node, FilterCheck *exam)
{
	const Const *known;

	if (!is_folded(node, exam->constants.params))
		return false;
	note_type(exam, exprType(node));
	if (!exam->copied)
		return true;
	known = constant_value(node, &exam->constants);
	return known != NULL && (known->constisnull || known->constlen > 0 ||
							 (known->constlen == -1 && toast_raw_datum_size(known->constvalue) <= MAX_COPIED_CONSTANT));
}

/* What is computed elsewhere, of any length. */
bool
copies_foreign_value(FilterCheck *exam, Node *node)
{
	return exam->copied && get_typlen(exprType(node)) <= 0 && !is_known(node, exam) &&
		object(exam, "a value of unknown length is copied in a filter");
}

/* One more value of which another is made, if it is. */
bool
count_copy(FilterCheck *exam)
{
	return exam->copied && ++exam->copies > MAX_COPIES &&
		object(exam, "a filter makes a value of too many others");
}

/* ----------------------------------------------------------------
 *		Types
 * ----------------------------------------------------------------
 */

/* A value of this type stands in a filter, or is made there. */
void
note_type(FilterCheck *exam, Oid type)
{
	if (type >= FirstGenbkiObjectId)
		exam->types = list_append_unique_oid(exam->types, type);
}

static bool
owns_guarded_table(Oid role, const FilterCheck *exam)
{
	ListCell   *lq;
	ListCell   *lc;

	foreach(lq, exam->examined)
		foreach(lc, ((const Query *) lfirst(lq))->rtable)
		{
			const RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_RELATION && rte->securityQuals != NIL &&
			object_owner(RelationRelationId, rte->relid) == role)
				return true;
		}
	return false;
}

/*
 * Could one of the types go, while the query is planned or its plan is kept?
 * Functions that are trusted look a type up, and raise if it is gone.  A
 * superuser's stays, and one of who owns a guarded table of the query: DDL of
 * the owner's sees every tenant's rows anyway.
 */
bool
types_could_go(FilterCheck *exam)
{
	ListCell   *lc;

	foreach(lc, exam->types)
	{
		Oid			owner = object_owner(TypeRelationId, lfirst_oid(lc));

		if (!OidIsValid(owner) || (!superuser_arg(owner) && !owns_guarded_table(owner, exam)))
			return object(exam, psprintf("type %s belongs to a role that could drop it",
										 format_type_be(lfirst_oid(lc))));
	}
	return false;
}
