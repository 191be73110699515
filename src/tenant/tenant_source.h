/*-------------------------------------------------------------------------
 *
 * tenant_source.h
 *	  Where a tenant comes from, and which was set first in the transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_SOURCE_H
#define TENANT_GUARD_TENANT_SOURCE_H

#include "access/xact.h"

#include "compat.h"
#include "tenant_type.h"

typedef enum TenantSource
{
	SOURCE_BELOW_SESSION,		/* file, database, role, connection */
	SOURCE_SESSION,				/* SET, set_config(), set_tenant() */
	SOURCE_LEADER				/* copied to a parallel worker */
} TenantSource;

/*
 * The "extra" of a setting that names the tenant; guc.c frees it.  NULL stands for
 * SOURCE_BELOW_SESSION.
 */
typedef struct TenantOrigin
{
	TenantSource source;
	LocalTransactionId set_in;	/* the local transaction id under which it was set */
} TenantOrigin;

static inline LocalTransactionId
current_lxid(void)
{
	return proc_lxid(MyProc);
}

extern TenantOrigin *new_origin(TenantSource source);
extern bool origin_is_below_session(const TenantOrigin *origin, int source);
extern bool origin_is_stale(const TenantOrigin *origin, int source);
extern void age_replayed_setting(const char *name, bool is_tenant, const char *value);

extern bool is_first_tenant(const TenantValue *value);
extern bool remember_first_tenant(const TenantValue *value);
extern bool forget_first_tenant(SubXactEvent event);

extern bool queueing_tenant_is_known(void);
extern bool is_queueing_tenant(const TenantValue *value);
extern void remember_queueing_tenant(const TenantValue *value);
extern void forget_queueing_tenant(void);

extern void publish_tenant_origin(int source, const TenantOrigin *origin);
extern void publish_tenant_departure(bool departed);
extern bool leader_has_departed(void);
extern void publish_seal(void);
extern bool leader_has_sealed(void);
extern bool leader_is_in(int lxid);
extern void publish_pinned(int source, bool pinned);
extern bool leader_has_pinned(int source);
extern void define_leader_setting(const char *name, int *variable);
extern void define_leader_settings(void);

#endif							/* TENANT_GUARD_TENANT_SOURCE_H */
