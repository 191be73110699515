/*-------------------------------------------------------------------------
 *
 * stack_reserve.c
 *	  Whether enough of the stack is left for filters that must not fail.
 *
 * LIKE, regular expressions, jsonb containment and text search recurse, and raise
 * an error where max_stack_depth is reached.  A trusted filter may be evaluated
 * for another tenant's row, so a user who calls a query from deeply nested
 * functions would learn from that error what the row contains.  Therefore trusted
 * filters run only if the stack has STACK_RESERVE bytes left.  safe_pattern.c and
 * call_condition.c ensure that no trusted filter needs more.
 *
 * PostgreSQL does not export where the stack begins.  So stack_is_too_deep() is
 * called from as deep as the filters could get.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "stack_reserve.h"

/*
 * In bytes, for the levels of a plan (MAX_PARTS in filter_check.c) and the deepest
 * pattern below them (safe_pattern.c).  Measured by lowering max_stack_depth, 100
 * sub-selects take 100 kB, and patterns 100 kB; the rest is for compilers that
 * make larger frames.
 */
#define STACK_RESERVE	(384 * 1024)

/* Is max_stack_depth large enough for most queries of a session to have the reserve? */
bool
stack_can_have_reserve(void)
{
	return (int64) max_stack_depth * 1024 >= 2 * STACK_RESERVE;
}

/* Calls stack_is_too_deep() below a frame as large as the reserve. */
static pg_noinline bool
has_reserve_below(void)
{
	volatile char frame[STACK_RESERVE];

	frame[0] = stack_is_too_deep(); /* keeps the compiler from removing the frame */
	return !frame[0];
}

/*
 * Does the stack have the reserve below the caller?  It does if it had it below an
 * earlier caller that was at least as deep.
 */
bool
stack_has_reserve(void)
{
	static uintptr_t deepest = 0;	/* the stack grows downwards */
	static int	limit = 0;		/* max_stack_depth at that time */
	char		here;

	if (deepest != 0 && limit == max_stack_depth && (uintptr_t) &here >= deepest)
		return true;
	if (!has_reserve_below())
		return false;
	deepest = (uintptr_t) &here;
	limit = max_stack_depth;
	return true;
}
