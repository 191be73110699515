/*-------------------------------------------------------------------------
 *
 * stack_reserve.c
 *	  Is enough of the stack left for filters that must not fail?
 *
 * LIKE, regular expressions, jsonb containment and text search recurse, and
 * raise where max_stack_depth is reached.  A trusted filter may meet another
 * tenant's row, so whoever calls a query from deep enough in functions of his
 * own would learn from that error what the row holds.  Therefore trusted filters
 * run only where there is room for the deepest of them: safe_pattern.c and
 * call_condition.c see to it that none needs more.
 *
 * Where the stack begins PostgreSQL keeps to itself, so the question is put to
 * it from as far down as the filters could get.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "stack_reserve.h"

/*
 * In bytes: for the levels of a plan (MAX_PARTS in filter_check.c) and the deepest
 * pattern below them (safe_pattern.c).  With ever lower values of max_stack_depth 100
 * sub-selects were seen to take 100 kB, and patterns 100 kB; the rest is for
 * compilers that make larger frames.
 */
#define STACK_ROOM	(384 * 1024)

/* Is max_stack_depth such that most of a session's queries find the room? */
bool
stack_can_have_room(void)
{
	return (int64) max_stack_depth * 1024 >= 2 * STACK_ROOM;
}

/* Asks with a frame of that size on the stack. */
static pg_noinline bool
has_room_below(void)
{
	volatile char frame[STACK_ROOM];

	frame[0] = stack_is_too_deep(); /* or the compiler would do without it */
	return !frame[0];
}

/*
 * Does the caller have it?  Who is not deeper than an earlier one that had it
 * has it too.
 */
bool
stack_has_room(void)
{
	static uintptr_t deepest = 0;	/* the stack grows downwards */
	static int	limit = 0;		/* max_stack_depth then */
	char		here;

	if (deepest != 0 && limit == max_stack_depth && (uintptr_t) &here >= deepest)
		return true;
	if (!has_room_below())
		return false;
	deepest = (uintptr_t) &here;
	limit = max_stack_depth;
	return true;
}
