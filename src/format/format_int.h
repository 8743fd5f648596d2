/* What the readers of this room share: reading UTF-8 one character at a time, and showing bytes from a file in a
 * message so that they cannot break a terminal, a log line or a JSON body. */
#ifndef LOAM_FORMAT_FORMAT_INT_H
#define LOAM_FORMAT_FORMAT_INT_H

#include <stddef.h>
#include <stdint.h>

/* Text for one printf argument: loam_show_name(s, n).text lives until the end of the full expression. */
typedef struct loam_shown {
    char text[112];
} loam_shown;

/* s[0..n) with control, invisible and invalid characters as \xNN, cut at about 100 bytes with "...". */
loam_shown loam_show_name(const char *s, size_t n);
/* 2359296 as 2,359,296. */
loam_shown loam_show_count(uint64_t v);

/* Bytes of the character that s[0..n) starts with (1 to 4), its code point in *cp; 0 when it is not valid UTF-8
 * (overlong forms, surrogates and values over U+10FFFF included). n ≥ 1. */
int loam_utf8_step(const char *s, size_t n, uint32_t *cp);

#endif
