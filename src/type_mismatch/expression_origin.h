/*-------------------------------------------------------------------------
 *
 * expression_origin.h
 *	  Whether a guarded table's tenant column reaches an expression's value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXPRESSION_ORIGIN_H
#define TENANT_GUARD_EXPRESSION_ORIGIN_H

#include "column_origin.h"

extern Tracing begin_tracing(void);
extern bool is_known_function(Oid funcid);
extern bool tenant_reaches(Tracing *tracing, Node *node, const Scope *scope, Origin *origin);
extern bool tenant_is_text(Tracing *tracing, Node *node, const Scope *scope, Origin *origin);

#endif							/* TENANT_GUARD_EXPRESSION_ORIGIN_H */
