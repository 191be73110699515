/*-------------------------------------------------------------------------
 *
 * json_document.h
 *	  Reads a JSON text, without raising errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_JSON_DOCUMENT_H
#define TENANT_GUARD_JSON_DOCUMENT_H

#include "common/jsonapi.h"

typedef enum JsonKind
{
	JSON_IS_OBJECT,
	JSON_IS_ARRAY,
	JSON_IS_STRING,
	JSON_IS_NUMBER,
	JSON_IS_BOOLEAN,
	JSON_IS_NULL
} JsonKind;

typedef struct JsonNode
{
	JsonKind	kind;
	int			parent;			/* -1: it is the whole */
	const char *name;			/* in an object; NULL in an array */
	const char *text;			/* of a scalar: the string, decoded, or the number as it is written */
} JsonNode;

/* The values of a text, each after the one that contains it; the first is the whole. */
typedef struct JsonDocument
{
	JsonNode   *nodes;
	int			count;
	int			room;
	bool		has_twice;		/* an object has a name twice */
	int			container;		/* while it is read: what the next value belongs to, and its name there */
	const char *name;
} JsonDocument;

extern bool read_json(const char *text, size_t length, JsonDocument *document);
extern const JsonNode *json_member(const JsonDocument *document, const JsonNode *object, const char *name);
extern const JsonNode *next_json_element(const JsonDocument *document, const JsonNode *container, const JsonNode *before);
extern const char *json_string(const JsonNode *node);

#endif							/* TENANT_GUARD_JSON_DOCUMENT_H */
