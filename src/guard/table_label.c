/*-------------------------------------------------------------------------
 *
 * table_label.c
 *	  Security labels that say that a table is not to be guarded.
 *
 * The label 'shared' declares a table as shared by all tenants (share, unshare);
 * 'unprotected' records that unprotect() removed a guard.  Later DDL guards
 * neither automatically.  Labels are dumped by pg_dump.  A table's label applies
 * to its partitions and children, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"

#include "catalog.h"
#include "library.h"
#include "table_label.h"

static ObjectAddress
table_address(Oid relid)
{
	ObjectAddress address;

	ObjectAddressSet(address, RelationRelationId, relid);
	return address;
}

/* What a table itself is declared to be. */
Declaration
declaration_of(Oid relid)
{
	ObjectAddress table = table_address(relid);
	const char *fault;
	LabelClause *clause = declaration_in(read_label(GetSecurityLabel(&table, EXTENSION_NAME), &fault));

	if (fault != NULL)
		return (Declaration) {.kind = LABEL_UNKNOWN};
	if (clause == NULL)
		return (Declaration) {.kind = LABEL_NONE};
	return (Declaration) {clause->kind, clause->values[KEY_REASON]};
}

/* What a table, or else the nearest ancestor of which something is declared, is declared to be. */
Declaration
inherited_declaration(Oid relid)
{
	Declaration declaration = declaration_of(relid);
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
	{
		if (declaration.kind != LABEL_NONE)
			break;
		declaration = declaration_of(lfirst_oid(lc));
	}
	return declaration;
}

/* Findings about a part of a table, such as a key, that are accepted: they are not about what the table is declared to be. */
static List *
acceptances_of_parts(List *clauses)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
		if (((LabelClause *) lfirst(lc))->values[KEY_OBJECT] != NULL)
			kept = lappend(kept, lfirst(lc));
	return kept;
}

/*
 * Declares a table as shared or unprotected or, by LABEL_NONE, as neither.  What was
 * accepted of the table as it was declared before is not accepted any more.
 */
void
declare_table(Oid relid, LabelKind kind, const char *reason)
{
	ObjectAddress table = table_address(relid);
	const char *fault;
	List	   *clauses = read_label(GetSecurityLabel(&table, EXTENSION_NAME), &fault);
	LabelClause *before = declaration_in(clauses);

	if (fault != NULL || kind != (before != NULL ? before->kind : LABEL_NONE))
		clauses = acceptances_of_parts(clauses);
	else if (before != NULL)
		clauses = list_delete_ptr(clauses, before);
	if (kind != LABEL_NONE)
	{
		LabelClause *declaration = palloc0(sizeof(LabelClause));

		declaration->kind = kind;
		declaration->values[KEY_REASON] = reason != NULL ? pstrdup(reason) : NULL;
		clauses = lcons(declaration, clauses);
	}
	SetSecurityLabel(&table, EXTENSION_NAME, write_label(clauses));
	CommandCounterIncrement();
}

/*
 * Takes from the label of a table that becomes guarded what it was declared to be,
 * and what was accepted of it as a whole, so that it is found if the guard is lost.
 */
void
undeclare_guarded(Oid relid)
{
	ObjectAddress table = table_address(relid);
	char	   *label = GetSecurityLabel(&table, EXTENSION_NAME);
	const char *fault;

	if (label == NULL)
		return;
	SetSecurityLabel(&table, EXTENSION_NAME, write_label(acceptances_of_parts(read_label(label, &fault))));
	CommandCounterIncrement();
}
