/*-------------------------------------------------------------------------
 *
 * foreign_part.h
 *	  Foreign tables below guarded ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FOREIGN_PART_H
#define TENANT_GUARD_FOREIGN_PART_H

extern void check_foreign_part(Oid foreign_table, Oid root);

#endif							/* TENANT_GUARD_FOREIGN_PART_H */
