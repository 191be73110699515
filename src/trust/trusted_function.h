/*-------------------------------------------------------------------------
 *
 * trusted_function.h
 *	  Functions that may be called for another tenant's rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TRUSTED_FUNCTION_H
#define TENANT_GUARD_TRUSTED_FUNCTION_H

/* The condition on which a call of a function is trusted (the tests are in call_condition.c) */
typedef enum TrustCondition
{
	TRUST_NONE,					/* it never is */
	TRUST_ALWAYS,
	TRUST_LIKE,					/* the pattern is a Const that cannot fail */
	TRUST_ILIKE,				/* as TRUST_LIKE, and looking up the case of a letter cannot fail */
	TRUST_REGEX,				/* as TRUST_ILIKE, for regular expressions */
	TRUST_IREGEX,				/* as TRUST_REGEX, case-insensitive */
	TRUST_JSONB,				/* one jsonb is a Const, and not deep */
	TRUST_TSQUERY,				/* the tsquery is a Const, and short */
	TRUST_CASE,					/* looking up the case of a letter cannot fail */
	TRUST_CLOCK,				/* moves the present time by a Const that cannot make it overflow */
	TRUST_ELEMENTS,				/* arrays whose elements are compared by trusted functions */
	TRUST_RANGE,				/* built-in ranges whose bounds are compared by trusted functions */
	TRUST_TENANT				/* a getter, of the type that tenants have */
} TrustCondition;

/* An entry of the list of built-in functions */
typedef struct ListedFunction
{
	Oid			funcid;
	TrustCondition condition;
	const char *reason;			/* why it is trusted on that condition */
	bool		is_here;		/* pg_proc describes it as the list does */
} ListedFunction;

extern void init_trusted(void);
extern TrustCondition trust_in(Oid funcid);
extern bool listed_function(int i, ListedFunction *function);
extern bool may_be_labelled_trusted(Oid funcid);

#endif							/* TENANT_GUARD_TRUSTED_FUNCTION_H */
