/*-------------------------------------------------------------------------
 *
 * examination.h
 *	  What an examination of filters is about, and what it has found so far.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXAMINATION_H
#define TENANT_GUARD_EXAMINATION_H

#include "nodes/parsenodes.h"

#include "call_condition.h"

/* What was found in one clause of a filter. */
typedef struct Clause
{
	List	   *sources;		/* whose rows it refers to, one of each query */
	bool		joins;			/* it has several of one query, or of outer ones */
	bool		copies_column;	/* it makes a new value of a column */
} Clause;

typedef struct FilterCheck
{
	const Query *whole;
	Constants	constants;
	List	   *around;			/* the queries around a node, innermost first */
	bool		copied;			/* in what a call or a constructor makes a new value of */
	int			copies;			/* how many columns and constants there are in that */
	Clause		clause;
	bool		direct;			/* at what stands in WHERE or ON itself */
	bool		tried;			/* whether sub-selects become joins: */
	bool		joined;			/* they all do */
	int			parts;			/* as of MAX_PARTS */
	int			visits;			/* of nodes, as of MAX_VISITS */
	List	   *examined;		/* all queries that were examined */
	List	   *types;			/* of users, that filters use; OIDs */
	const char *objection;
} FilterCheck;

extern bool object(FilterCheck *exam, const char *objection);
extern bool joins_copies(FilterCheck *exam);
extern void note_source(FilterCheck *exam, const Query *query, const RangeTblEntry *rte, bool outer);
extern bool count_copy(FilterCheck *exam);
extern bool is_known(Node *node, FilterCheck *exam);
extern void note_type(FilterCheck *exam, Oid type);
extern bool types_could_go(FilterCheck *exam);
extern bool copies_foreign_value(FilterCheck *exam, Node *node);

#endif							/* TENANT_GUARD_EXAMINATION_H */
