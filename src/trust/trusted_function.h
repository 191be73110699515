/*-------------------------------------------------------------------------
 *
 * trusted_function.h
 *	  Functions that may see another tenant's row, since they cannot tell.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TRUSTED_FUNCTION_H
#define TENANT_GUARD_TRUSTED_FUNCTION_H

#define LABEL_TRUSTED		"trusted"

/* On what condition is a function trusted, in one call of it? */
typedef enum TrustCondition
{
	TRUST_NONE,					/* it is not */
	TRUST_ALWAYS,
	TRUST_LIKE,					/* the pattern is known, and is one that cannot fail */
	TRUST_ILIKE,				/* and the encoding is one whose letters all have a case */
	TRUST_REGEX,
	TRUST_IREGEX,
	TRUST_JSONB,				/* one side is known, and not deep */
	TRUST_TSQUERY,				/* the tsquery is known, and short */
	TRUST_CASE,					/* the encoding, as of TRUST_ILIKE */
	TRUST_CLOCK,				/* moves the present time by a known and sane interval */
	TRUST_ELEMENTS,				/* arrays, whose elements are compared by trusted functions */
	TRUST_RANGE,				/* built-in ranges, whose bounds are so */
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
