/*-------------------------------------------------------------------------
 *
 * index_code.h
 *	  Does maintenance of a table call functions that roles have made?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_INDEX_CODE_H
#define TENANT_GUARD_INDEX_CODE_H

extern bool maintenance_calls_code(Oid relid);

#endif							/* TENANT_GUARD_INDEX_CODE_H */
