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
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "condition.h"
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
object(Examination *exam, const char *objection)
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
joins_copies(Examination *exam)
{
	return exam->clause.joins && exam->clause.copies_column &&
		object(exam, "a filter on several tables makes a new value of a column");
}

/* Notes that the clause refers to rows of this source. */
void
note_source(Examination *exam, const Query *query, const RangeTblEntry *rte, bool outer)
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
is_known(Node *node, const Examination *exam)
{
	const Const *known;

	if (!exam->copied || !is_folded(node, exam->params))
		return is_folded(node, exam->params);
	known = constant_value(node, exam->params);
	return known != NULL && (known->constisnull || known->constlen > 0 ||
							 (known->constlen == -1 && toast_raw_datum_size(known->constvalue) <= MAX_COPIED_CONSTANT));
}

/* What is computed elsewhere, of any length. */
bool
copies_foreign_value(Examination *exam, Node *node)
{
	return exam->copied && get_typlen(exprType(node)) <= 0 && !is_known(node, exam) &&
		object(exam, "a value of unknown length is copied in a filter");
}

/* One more value of which another is made, if it is. */
bool
count_copy(Examination *exam)
{
	return exam->copied && ++exam->copies > MAX_COPIES &&
		object(exam, "a filter makes a value of too many others");
}
