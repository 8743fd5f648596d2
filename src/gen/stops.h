/* From the bytes of tokens to the text that a reader may see: whole UTF-8 characters only, and nothing that may yet
 * turn out to be a stop string. Tokens cut characters and stop strings anywhere; the text shown depends on the bytes
 * alone, not on where they were cut. */
#ifndef LOAM_GEN_STOPS_H
#define LOAM_GEN_STOPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

typedef struct loam_stops loam_stops;

/* Copies n non-empty strings of UTF-8 (n may be 0). Owned by the caller. NULL when out of memory. */
loam_stops *loam_stops_new(const char *const *stops, int n);
void loam_stops_free(loam_stops *s);

/* Takes any bytes and appends to out what has become certain. Bytes that are no UTF-8 become U+FFFD, one for each
 * maximal subpart of a character (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"). True once a stop
 * string is complete: its text and what follows never appear, later calls do nothing. Of several stops the one that is
 * complete first counts, among those the longest. Lack of memory shows in out->failed. */
bool loam_stops_push(loam_stops *s, const char *bytes, size_t len, loam_buf *out);
/* The bytes are over: an unfinished character becomes U+FFFD, and text held back appears unless it is now a stop. */
bool loam_stops_end(loam_stops *s, loam_buf *out);
/* The stop that was found, or NULL. Borrowed from s. */
const char *loam_stops_found(const loam_stops *s);
/* Bytes of text known so far, held-back ones included. */
size_t loam_stops_n_text(const loam_stops *s);

#endif
