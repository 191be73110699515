/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  Refusals: how they are pronounced, and those of the transaction's tenant
 *	  and of access to guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFUSAL_H
#define TENANT_GUARD_REFUSAL_H

#include "compat.h"
#include "settings.h"

#define ERRCODE_NO_TENANT			MAKE_SQLSTATE('T','G','0','0','1')
#define ERRCODE_TENANT_FIXED		MAKE_SQLSTATE('T','G','0','0','2')
#define ERRCODE_BYPASSES_ISOLATION	MAKE_SQLSTATE('T','G','0','0','3')
#define ERRCODE_TENANT_TYPE			MAKE_SQLSTATE('T','G','0','0','4')
#define ERRCODE_WEAKENS_ISOLATION	MAKE_SQLSTATE('T','G','0','0','5')
#define ERRCODE_STALE_TENANT		MAKE_SQLSTATE('T','G','0','0','6')
#define ERRCODE_ROWS_IN_THE_WAY		MAKE_SQLSTATE('T','G','0','0','7')

/*
 * A refusal as a value.  The strings are constant or live in the current
 * memory context.
 */
typedef struct Refusal
{
	int			sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
} Refusal;

/* The two ways to pronounce one: as an error, or from a GUC check hook. */
pg_noreturn extern void raise_refusal(Refusal refusal);
extern bool reject_setting(Refusal refusal);

extern Refusal wrong_state(const char *message, const char *detail, const char *hint);
extern char *set_tenant_type(TenantType type);

/* The tenant of the transaction */
extern Refusal no_tenant(void);
extern Refusal tenant_unset(void);
extern Refusal stale_tenant(void);
extern Refusal tenant_fixed(void);
extern Refusal tenant_fixed_in_worker(void);
extern Refusal tenant_fixed_in_statement(void);
extern Refusal triggers_are_pending(Oid relid);
extern Refusal invalid_tenant(TenantType type, const char *value);
extern Refusal invalid_tenant_below_session(TenantType type);
extern Refusal null_tenant(void);
extern Refusal setter_type_differs(TenantType given, TenantType wanted);
extern Refusal getter_type_differs(TenantType returned, TenantType wanted);
extern Refusal role_sets_own_tenant(void);

/* Access to a guarded table */
extern Refusal bypass_by_role(const char *relation, const char *role);
extern Refusal bypass_by_toast(const char *relation);
extern Refusal bypass_by_view(const char *relation, const char *view, const char *owner);
extern Refusal bypass_by_rule(const char *relation, const char *owner);
extern Refusal bypass_by_function(const char *relation, const char *owner);
extern Refusal damaged_guard(const char *relation, const char *damage);
extern Refusal materializes_rows(const char *relation);
extern Refusal holds_rows(const char *relation);
extern Refusal detaches_unseen(const char *relation);
extern Refusal truncates_table(const char *relation);
extern Refusal shadows_table(const char *name, const char *relation);
extern Refusal prepares_transaction(void);

#endif							/* TENANT_GUARD_REFUSAL_H */
