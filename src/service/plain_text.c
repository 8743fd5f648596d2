/* Text for a terminal: whatever bytes a file holds, what comes out is one line of UTF-8 that cannot move the cursor,
 * change colours, turn the reading direction round or pass for something else; and tables with aligned columns. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/models_int.h"

/* The code point at s[0..len) and its length; -1 and length 1 for what is not UTF-8 (Unicode 15, table 3-7). */
static int32_t decode(const unsigned char *s, size_t len, size_t *n)
{
    *n = 1;
    unsigned char c = s[0];
    if (c < 0x80)
        return c;
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || len < need)
        return -1;
    int32_t v = c & (0xFF >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return -1;
        v = v << 6 | (s[i] & 0x3F);
    }
    if ((need == 3 && v < 0x800) || (need == 4 && (v < 0x10000 || v > 0x10FFFF)) || (v >= 0xD800 && v < 0xE000))
        return -1;
    *n = need;
    return v;
}

/* Characters that are invisible or that change how the ones around them are shown. */
static bool hidden(int32_t c)
{
    return (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x061C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xFFF9 && c <= 0xFFFB) || (c & 0xFFFE) == 0xFFFE || (c >= 0xE0000 && c <= 0xE0FFF);
}

bool loam_plain_text(loam_buf *b, const char *text, size_t len, size_t max_chars)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n, done = 0;
    for (size_t i = 0; i < len; i += n, done++) {
        if (done == max_chars)
            return loam_buf_str(b, "…");
        int32_t c = decode(s + i, len - i, &n);
        if (c == '\n')
            loam_buf_str(b, "\\n");
        else if (c == '\t')
            loam_buf_str(b, "\\t");
        else if (c == '\r')
            loam_buf_str(b, "\\r");
        else if (c == '\\')
            loam_buf_str(b, "\\\\");
        else if (c < 0x20)
            loam_buf_printf(b, "\\x%02X", s[i]);
        else if (hidden(c))
            loam_buf_printf(b, "\\u{%X}", (unsigned)c);
        else
            loam_buf_add(b, s + i, n);
    }
    return !b->failed;
}

void loam_table_init(loam_table *t, const char *align)
{
    *t = (loam_table){0};
    for (; *align && t->n_columns < LOAM_TABLE_MAX_COLUMNS; align++)
        t->right[t->n_columns++] = *align == 'r';
}

void loam_table_deinit(loam_table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (loam_table){0};
}

static void add_owned(loam_table *t, char *cell)
{
    if (cell && t->n_cells == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        char **cells = realloc(t->cells, cap * sizeof *cells);
        if (cells) {
            t->cells = cells;
            t->cap = cap;
        } else {
            free(cell);
            cell = NULL;
        }
    }
    if (cell)
        t->cells[t->n_cells++] = cell;
    else
        t->failed = true;
}

void loam_table_add(loam_table *t, const char *text)
{
    add_owned(t, text ? strdup(text) : NULL);
}

void loam_table_addf(loam_table *t, const char *fmt, ...)
{
    char *cell = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&cell, fmt, ap) < 0)
        cell = NULL;
    va_end(ap);
    add_owned(t, cell);
}

/* Columns that a text takes: its code points. Wide characters count once; names in models are nearly always ASCII. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

void loam_table_format(const loam_table *t, int indent, loam_buf *out)
{
    size_t widths[LOAM_TABLE_MAX_COLUMNS] = {0};
    if (t->failed)
        out->failed = true;
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t w = width(t->cells[i]);
        if (w > widths[i % (size_t)t->n_columns])
            widths[i % (size_t)t->n_columns] = w;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t c = i % (size_t)t->n_columns;
        int pad = (int)(widths[c] - width(t->cells[i]));
        bool last = c + 1 == (size_t)t->n_columns;
        loam_buf_printf(out, "%*s", c == 0 ? indent : 2, "");
        if (t->right[c])
            loam_buf_printf(out, "%*s", pad, "");
        loam_buf_str(out, t->cells[i]);
        if (!t->right[c] && !last)
            loam_buf_printf(out, "%*s", pad, "");
        if (last)
            loam_buf_char(out, '\n');
    }
}

void loam_format_count(uint64_t v, char out[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), o = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = 0;
}

void loam_format_bytes(uint64_t v, char out[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double x = (double)v;
    size_t u = 0;
    while (x >= 999.95 && u + 1 < sizeof units / sizeof *units) {
        x /= 1000;
        u++;
    }
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", x, units[u]);
}
