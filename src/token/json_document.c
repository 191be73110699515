/*-------------------------------------------------------------------------
 *
 * json_document.c
 *	  Reads a JSON text, without raising errors.
 *
 * PostgreSQL's parser does the work and returns a code.  It raises an error
 * where nesting exhausts the stack, and where an escape, such as \u20ac, is of no
 * character of the server's encoding.  So before it sees the text, nesting is
 * limited, and escapes of characters that are not ASCII are replaced by these
 * characters in UTF-8, which is the encoding of JSON whatever the server's is.
 * What remains is that memory is exhausted.
 *
 * All that is made is palloc'd in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "json_compat.h"
#include "json_document.h"

/* Identity providers nest two or three deep. */
#define MAX_NESTING 32

/* ----------------------------------------------------------------
 *		What the parser must not see
 * ----------------------------------------------------------------
 */

/* Reads \uXXXX; returns the code, or -1 if there is none. */
static int
unicode_escape(const char *text, const char *end)
{
	int			code = 0;

	if (end - text < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++)
	{
		char		c = text[i];
		int			digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

/*
 * Copies what begins with a backslash in a string to *to, and moves both
 * pointers.  An escape of a character that is not ASCII becomes that character;
 * false if it is half of one.  Other escapes are copied.
 */
static bool
copy_escape(const char **from, const char *end, char **to)
{
	int			code = unicode_escape(*from, end);
	int			length = code < 0 ? Min(2, (int) (end - *from)) : 6;

	if (code >= 0x80)
	{
		pg_wchar	character = code;

		if (is_utf16_surrogate_first(code))
		{
			int			second = unicode_escape(*from + 6, end);

			if (second < 0 || !is_utf16_surrogate_second(second))
				return false;
			character = surrogate_pair_to_codepoint(code, second);
			length = 12;
		}
		else if (is_utf16_surrogate_second(code))
			return false;
		unicode_to_utf8(character, (unsigned char *) *to);
		*to += pg_utf_mblen((unsigned char *) *to);
	}
	else
	{
		memcpy(*to, *from, length);
		*to += length;
	}
	*from += length;
	return true;
}

/* Copies a text, which must be UTF-8; returns the length of the copy, or -1 if it is not to be parsed. */
static int
copy_for_parser(const char *text, size_t length, char *copy)
{
	const char *from = text;
	const char *end = text + length;
	char	   *to = copy;
	bool		in_string = false;
	int			depth = 0;

	while (from < end)
	{
		if (in_string && *from == '\\')
		{
			if (!copy_escape(&from, end, &to))
				return -1;
			continue;
		}
		if (*from == '"')
			in_string = !in_string;
		else if (!in_string && (*from == '{' || *from == '['))
			depth++;
		else if (!in_string && (*from == '}' || *from == ']'))
			depth--;
		if (depth > MAX_NESTING)
			return -1;
		*to++ = *from++;
	}
	*to = '\0';
	return to - copy;
}

/* ----------------------------------------------------------------
 *		The parser's actions
 * ----------------------------------------------------------------
 */

/* Adds a value, and makes it what the next ones belong to if it can contain any. */
static void
add_node(JsonDocument *document, JsonKind kind, const char *text)
{
	JsonNode   *node;

	if (document->count == document->room)
	{
		document->room *= 2;
		document->nodes = repalloc(document->nodes, document->room * sizeof(JsonNode));
	}
	node = &document->nodes[document->count];
	node->kind = kind;
	node->parent = document->container;
	node->name = document->name;
	node->text = text;
	document->name = NULL;
	if (kind == JSON_IS_OBJECT || kind == JSON_IS_ARRAY)
		document->container = document->count;
	document->count++;
}

static void
end_container(JsonDocument *document)
{
	document->container = document->nodes[document->container].parent;
}

JSON_ACTION
begin_object(void *state)
{
	add_node(state, JSON_IS_OBJECT, NULL);
	END_JSON_ACTION(true);
}

JSON_ACTION
begin_array(void *state)
{
	add_node(state, JSON_IS_ARRAY, NULL);
	END_JSON_ACTION(true);
}

JSON_ACTION
end_object_or_array(void *state)
{
	end_container(state);
	END_JSON_ACTION(true);
}

JSON_ACTION
begin_member(void *state, char *name, bool isnull)
{
	JsonDocument *document = state;

	document->has_twice |= json_member(document, &document->nodes[document->container], name) != NULL;
	document->name = name;
	END_JSON_ACTION(!document->has_twice);
}

JSON_ACTION
read_scalar(void *state, char *text, JsonTokenType type)
{
	add_node(state, type == JSON_TOKEN_STRING ? JSON_IS_STRING : type == JSON_TOKEN_NUMBER ? JSON_IS_NUMBER :
			 type == JSON_TOKEN_NULL ? JSON_IS_NULL : JSON_IS_BOOLEAN, text);
	END_JSON_ACTION(true);
}

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

/* Reads a text; false if it is not JSON in UTF-8, or an object in it has a name twice (document->has_twice). */
bool
read_json(const char *text, size_t length, JsonDocument *document)
{
	JsonSemAction actions = {
		.semstate = document,
		.object_start = begin_object,
		.object_end = end_object_or_array,
		.array_start = begin_array,
		.array_end = end_object_or_array,
		.object_field_start = begin_member,
		.scalar = read_scalar
	};
	char	   *copy;
	int			copied;

	memset(document, 0, sizeof(*document));
	document->container = -1;
	if (length == 0 || pg_encoding_verifymbstr(PG_UTF8, text, (int) length) != (int) length)
		return false;
	copy = palloc(length + 1);
	copied = copy_for_parser(text, length, copy);
	if (copied < 0)
		return false;
	document->room = 32;
	document->nodes = palloc(document->room * sizeof(JsonNode));
	return parse_json(copy, copied, &actions) == JSON_SUCCESS && !document->has_twice;
}

/* Returns the value of this name in an object, or NULL. */
const JsonNode *
json_member(const JsonDocument *document, const JsonNode *object, const char *name)
{
	const JsonNode *node = NULL;

	while ((node = next_json_element(document, object, node)) != NULL)
		if (node->name != NULL && strcmp(node->name, name) == 0)
			return node;
	return NULL;
}

/* Returns the next value in an array or object after one of its values, or its first for NULL; NULL if there is none. */
const JsonNode *
next_json_element(const JsonDocument *document, const JsonNode *container, const JsonNode *before)
{
	int			parent = container - document->nodes;

	for (int i = (before != NULL ? before : container) - document->nodes + 1; i < document->count; i++)
		if (document->nodes[i].parent == parent)
			return &document->nodes[i];
	return NULL;
}

/* Returns the text of a string; NULL for what is no string, and for no node. */
const char *
json_string(const JsonNode *node)
{
	return node != NULL && node->kind == JSON_IS_STRING ? node->text : NULL;
}
