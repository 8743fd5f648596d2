/* The general categories of Unicode as a set of bits: what the regular expressions of pre-tokenizers ask about. */
#ifndef LOAM_TEXT_UNICODE_H
#define LOAM_TEXT_UNICODE_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "text/utf8.h"

enum {
    LOAM_CP_L = 1,      /* \p{L} */
    LOAM_CP_N = 2,      /* \p{N} */
    LOAM_CP_P = 4,      /* \p{P} */
    LOAM_CP_S = 8,      /* \p{S} */
    LOAM_CP_M = 16,     /* \p{M} */
    LOAM_CP_SPACE = 32, /* \s: the property White_Space */
    LOAM_CP_UPPER = 64, /* \p{Lu}, \p{Lt}; always together with LOAM_CP_L */
    LOAM_CP_LOWER = 128 /* \p{Ll}; always together with LOAM_CP_L */
};

extern const uint8_t loam_unicode_ascii[128];

/* The bits of any code point. Unassigned ones and controls have none; LOAM_UTF8_INVALID counts as a symbol. */
uint8_t loam_unicode_class(uint32_t cp);

/* Appends s[0..n) in Unicode's form NFC; bytes that are not UTF-8 stay as they are. False when it did not fit. */
bool loam_unicode_nfc(const char *s, size_t n, loam_buf *out);

/* One character of a text: its code point, bits and length. len is 0 (and the bits are none) at the end. */
typedef struct loam_char {
    uint32_t cp;
    uint8_t set;
    uint8_t len;
} loam_char;

static inline loam_char loam_char_at(const char *s, size_t n, size_t at)
{
    if (at >= n)
        return (loam_char){0};
    unsigned char b = (unsigned char)s[at];
    if (b < 0x80)
        return (loam_char){b, loam_unicode_ascii[b], 1};
    loam_char c;
    c.len = (uint8_t)loam_utf8_next(s + at, n - at, &c.cp);
    c.set = loam_unicode_class(c.cp);
    return c;
}

#endif
