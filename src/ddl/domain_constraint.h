/*-------------------------------------------------------------------------
 *
 * domain_constraint.h
 *	  Who may change the domain of a guarded table's column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_DOMAIN_CONSTRAINT_H
#define TENANT_GUARD_DOMAIN_CONSTRAINT_H

#include "nodes/parsenodes.h"

extern void check_domain_constraint(Oid constraint);
extern void check_alter_domain(const AlterDomainStmt *stmt);

#endif							/* TENANT_GUARD_DOMAIN_CONSTRAINT_H */
