/*-------------------------------------------------------------------------
 *
 * json_compat.h
 *	  PostgreSQL's JSON parser, whose interface differs between versions.
 *
 * It is part of compat.h that also works outside the server, where
 * test/fuzz/ compiles what uses it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_JSON_COMPAT_H
#define TENANT_GUARD_JSON_COMPAT_H

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

/* From 16 on the actions can stop the parser, and in 15 they return nothing. */
#if PG_VERSION_NUM >= 160000
#define JSON_ACTION static JsonParseErrorType
#define END_JSON_ACTION(goes_on) return (goes_on) ? JSON_SUCCESS : JSON_SEM_ACTION_FAILED
#else
#define JSON_ACTION static void
#define END_JSON_ACTION(goes_on) ((void) (goes_on))
#endif

/*
 * Parses a JSON value in UTF-8, with escapes decoded.  Returns an error code; it
 * raises errors only if memory or the stack is exhausted, or if the text has an
 * escape of a character that is not ASCII and the server is not in UTF-8.
 */
static inline JsonParseErrorType
parse_json(const char *text, size_t length, JsonSemAction *actions)
{
#if PG_VERSION_NUM >= 170000
	JsonLexContext *lex = makeJsonLexContextCstringLen(NULL, text, length, PG_UTF8, true);
#else
	JsonLexContext *lex = makeJsonLexContextCstringLen(unconstify(char *, text), (int) length, PG_UTF8, true);
#endif

	return pg_parse_json(lex, actions);
}

#endif							/* TENANT_GUARD_JSON_COMPAT_H */
