/*-------------------------------------------------------------------------
 *
 * base64url.c
 *	  Decodes base64url without padding (RFC 7515, 2).
 *
 * Exactly one text decodes to given bytes: neither padding nor white space nor
 * bits that are left over are accepted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "base64url.h"

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Returns the number of bytes, or -1 if the text is not base64url; "bytes" has room for BASE64URL_DECODED(length). */
int
decode_base64url(const char *text, size_t length, unsigned char *bytes)
{
	uint32		bits = 0;
	int			nbits = 0;
	int			nbytes = 0;

	for (size_t i = 0; i < length; i++)
	{
		int			value = value_of(text[i]);

		if (value < 0)
			return -1;
		bits = (bits << 6 | (uint32) value) & 0xFFFF;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			bytes[nbytes++] = (unsigned char) (bits >> nbits);
		}
	}
	/* six bits that are left over are a character that says nothing, others must be zero */
	if (nbits >= 6 || (bits & ((1U << nbits) - 1)) != 0)
		return -1;
	return nbytes;
}
