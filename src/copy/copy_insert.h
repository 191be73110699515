/*-------------------------------------------------------------------------
 *
 * copy_insert.h
 *	  Runs COPY FROM as an INSERT of the rows that it reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPY_INSERT_H
#define TENANT_GUARD_COPY_INSERT_H

#include "copy_statement.h"

extern bool copy_can_insert(const PreparedCopy *prepared);
extern uint64 copy_by_insert(PreparedCopy *prepared, const char *query_string);

#endif							/* TENANT_GUARD_COPY_INSERT_H */
