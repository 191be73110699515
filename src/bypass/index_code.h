/*-------------------------------------------------------------------------
 *
 * index_code.h
 *	  Finds out whether maintenance of a table calls user-defined functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_INDEX_CODE_H
#define TENANT_GUARD_INDEX_CODE_H

extern bool maintenance_calls_code(Oid relid);

#endif							/* TENANT_GUARD_INDEX_CODE_H */
