/*-------------------------------------------------------------------------
 *
 * expression_origin.h
 *	  Whether the value of an expression comes from a guarded table's tenant column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXPRESSION_ORIGIN_H
#define TENANT_GUARD_EXPRESSION_ORIGIN_H

#include "column_origin.h"

extern OriginSearch begin_origin_search(void);
extern bool is_known_function(Oid funcid);
extern bool tenant_reaches(OriginSearch *search, Node *node, const Scope *scope, Origin *origin);
extern bool tenant_is_text(OriginSearch *search, Node *node, const Scope *scope, Origin *origin);

#endif							/* TENANT_GUARD_EXPRESSION_ORIGIN_H */
