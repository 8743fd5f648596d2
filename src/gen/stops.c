/* Two machines in a row. The first assembles UTF-8 characters; the second runs one Knuth-Morris-Pratt matcher per stop
 * string over them. A matcher's state is the length of the longest end of the text that begins its string, so the
 * greatest state is exactly what must be held back, and the held bytes are the beginning of that very string: they
 * need no buffer. */
#include "gen/stops.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct matcher {
    char *text;   /* owned */
    size_t len;   /* ≥ 1 */
    size_t *fall; /* [len] fall[i]: the longest proper beginning of text[0..i] that also ends it */
    size_t state; /* < len */
} matcher;

struct loam_stops {
    matcher *matchers;
    int n;
    int holder; /* the matcher with the greatest state */
    const char *found;
    size_t n_text;
    /* the character being assembled: bytes so far, how many are missing, and the range of the next */
    uint8_t part[4];
    int n_part, n_missing;
    uint8_t least, most;
};

loam_stops *loam_stops_new(const char *const *stops, int n)
{
    loam_stops *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->matchers = calloc(n > 0 ? (size_t)n : 1, sizeof *s->matchers);
    if (!s->matchers)
        goto fail;
    for (; s->n < n; s->n++) {
        matcher *m = &s->matchers[s->n];
        m->len = strlen(stops[s->n]);
        m->text = strdup(stops[s->n]);
        m->fall = calloc(m->len + 1, sizeof *m->fall);
        if (!m->text || !m->fall) {
            s->n++;
            goto fail;
        }
        for (size_t i = 1, k = 0; i < m->len; i++) {
            while (k > 0 && m->text[i] != m->text[k])
                k = m->fall[k - 1];
            if (m->text[i] == m->text[k])
                k++;
            m->fall[i] = k;
        }
    }
    return s;
fail:
    loam_stops_free(s);
    return NULL;
}

void loam_stops_free(loam_stops *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++) {
        free(s->matchers[i].text);
        free(s->matchers[i].fall);
    }
    free(s->matchers);
    free(s);
}

static size_t held(const loam_stops *s)
{
    return s->n ? s->matchers[s->holder].state : 0;
}

/* One byte of text: moves every matcher, then shows the bytes that no matcher holds any more. */
static void text_byte(loam_stops *s, char c, loam_buf *out)
{
    size_t before = held(s), longest = 0;
    const char *old = s->n ? s->matchers[s->holder].text : NULL;
    for (int i = 0; i < s->n; i++) {
        matcher *m = &s->matchers[i];
        while (m->state > 0 && m->text[m->state] != c)
            m->state = m->fall[m->state - 1];
        if (m->text[m->state] == c)
            m->state++;
        if (m->state > longest) {
            longest = m->state;
            s->holder = i;
        }
    }
    size_t end = longest; /* bytes at the end of the text that are not shown */
    size_t stop = 0;
    for (int i = 0; i < s->n; i++) {
        matcher *m = &s->matchers[i];
        if (m->state == m->len && m->len > stop) {
            stop = m->len;
            s->found = m->text;
        }
    }
    if (s->found)
        end = stop;
    s->n_text++;
    size_t shown = before + 1 - end; /* of the old held bytes and c */
    loam_buf_add(out, old, shown < before ? shown : before);
    if (shown > before)
        loam_buf_char(out, c);
}

static bool text(loam_stops *s, const void *bytes, size_t n, loam_buf *out)
{
    const char *p = bytes;
    for (size_t i = 0; i < n && !s->found; i++)
        text_byte(s, p[i], out);
    return s->found;
}

static void flush_part(loam_stops *s, loam_buf *out)
{
    if (s->n_part > 0)
        text(s, "\xEF\xBF\xBD", 3, out);
    s->n_part = s->n_missing = 0;
}

/* The well-formed sequences of Unicode's table 3-7. */
static void begin_char(loam_stops *s, uint8_t c, loam_buf *out)
{
    s->least = 0x80;
    s->most = 0xBF;
    if (c < 0x80) {
        text(s, &c, 1, out);
        return;
    }
    s->part[0] = c;
    s->n_part = 1;
    if (c >= 0xC2 && c <= 0xDF) {
        s->n_missing = 1;
    } else if (c >= 0xE0 && c <= 0xEF) {
        s->n_missing = 2;
        if (c == 0xE0)
            s->least = 0xA0;
        if (c == 0xED)
            s->most = 0x9F;
    } else if (c >= 0xF0 && c <= 0xF4) {
        s->n_missing = 3;
        if (c == 0xF0)
            s->least = 0x90;
        if (c == 0xF4)
            s->most = 0x8F;
    } else {
        flush_part(s, out);
    }
}

bool loam_stops_push(loam_stops *s, const char *bytes, size_t len, loam_buf *out)
{
    for (size_t i = 0; i < len && !s->found; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (s->n_missing > 0 && c >= s->least && c <= s->most) {
            s->part[s->n_part++] = c;
            s->least = 0x80;
            s->most = 0xBF;
            if (--s->n_missing == 0) {
                int n = s->n_part;
                s->n_part = 0;
                text(s, s->part, (size_t)n, out);
            }
            continue;
        }
        flush_part(s, out);
        if (!s->found)
            begin_char(s, c, out);
    }
    return s->found;
}

bool loam_stops_end(loam_stops *s, loam_buf *out)
{
    if (s->found)
        return true;
    flush_part(s, out);
    if (s->found)
        return true;
    if (s->n)
        loam_buf_add(out, s->matchers[s->holder].text, held(s));
    for (int i = 0; i < s->n; i++)
        s->matchers[i].state = 0;
    return false;
}

const char *loam_stops_found(const loam_stops *s)
{
    return s->found;
}
size_t loam_stops_n_text(const loam_stops *s)
{
    return s->n_text;
}
