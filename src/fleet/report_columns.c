/* Paragraphs and tables of plain text. */
#include <stdint.h>
#include <string.h>

#include "fleet/report_int.h"

enum { MAX_COLUMNS = 16, GAP = 2, LEAST_LEFT = 6 };

struct loam_columns_row {
    struct loam_columns_row *next;
    const char *cells[MAX_COLUMNS]; /* cells[0] NULL: a rule */
};

/* One character of valid UTF-8, or one byte that is none. */
size_t loam_text_step(const char *s, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t n = u[0] < 0x80                   ? 1
               : u[0] >= 0xC2 && u[0] < 0xE0 ? 2
               : u[0] >= 0xE0 && u[0] < 0xF0 ? 3
               : u[0] < 0xF5                 ? 4
                                             : 1;
    *c = u[0];
    if (n == 1) {
        if (u[0] >= 0x80)
            *c = 0xFFFD;
        return 1;
    }
    *c = u[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80) {
            *c = 0xFFFD;
            return 1;
        }
        *c = *c << 6 | (u[i] & 0x3F);
    }
    return n;
}

/* C0, DEL, C1, and what changes the direction of text. */
bool loam_text_steers(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFFFD || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

static int cells_of(uint32_t c)
{
    if (c >= 0x300 && c < 0x370)
        return 0;
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
                   (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                   (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD)
               ? 2
               : 1;
}

int loam_text_cells(const char *text)
{
    int n = 0;
    uint32_t c;
    for (; *text; text += loam_text_step(text, &c)) {
        loam_text_step(text, &c);
        n += loam_text_steers(c) ? 1 : cells_of(c);
    }
    return n;
}

static void put_char(const char *at, size_t n, uint32_t c, loam_buf *out)
{
    if (loam_text_steers(c))
        loam_buf_char(out, '?');
    else
        loam_buf_add(out, at, n);
}

/* The text in at most `room` cells, "…" in place of what is cut; returns the cells written. */
static int put_cut(const char *text, int room, loam_buf *out)
{
    bool cut = loam_text_cells(text) > room;
    int n = 0;
    uint32_t c;
    while (*text) {
        size_t bytes = loam_text_step(text, &c);
        int wide = loam_text_steers(c) ? 1 : cells_of(c);
        if (n + wide > room - cut)
            break;
        put_char(text, bytes, c, out);
        n += wide;
        text += bytes;
    }
    if (cut && room > 0) {
        loam_buf_str(out, "…");
        n++;
    }
    return n;
}

static void put_spaces(int n, loam_buf *out)
{
    loam_buf_printf(out, "%*s", n > 0 ? n : 0, "");
}

/* A word that is longer than a line is broken. */
void loam_text_wrap(const char *text, int indent, int hang, int width, loam_buf *out)
{
    int at = indent;
    put_spaces(indent, out);
    bool empty = true; /* nothing on the line yet */
    while (*text) {
        while (*text == ' ' || *text == '\n')
            text++;
        size_t n = strcspn(text, " \n");
        if (!n)
            break;
        int cells = 0;
        uint32_t c;
        for (size_t i = 0; i < n;) {
            size_t bytes = loam_text_step(text + i, &c);
            cells += loam_text_steers(c) ? 1 : cells_of(c);
            i += bytes;
        }
        if (!empty && at + 1 + cells > width) {
            loam_buf_char(out, '\n');
            at = indent + hang;
            put_spaces(at, out);
        } else if (!empty) {
            loam_buf_char(out, ' ');
            at++;
        }
        for (size_t i = 0; i < n;) {
            size_t bytes = loam_text_step(text + i, &c);
            int wide = loam_text_steers(c) ? 1 : cells_of(c);
            if (at + wide > width && at > indent + hang) {
                loam_buf_char(out, '\n');
                at = indent + hang;
                put_spaces(at, out);
            }
            put_char(text + i, bytes, c, out);
            at += wide;
            i += bytes;
        }
        empty = false;
        text += n;
    }
    loam_buf_char(out, '\n');
}

loam_columns loam_columns_begin(loam_arena *arena, const char *align)
{
    return (loam_columns){.arena = arena, .align = align};
}

bool loam_columns_row(loam_columns *t, const char *const *cells)
{
    struct loam_columns_row *row = loam_arena_alloc(t->arena, sizeof *row);
    if (!row)
        return false;
    size_t n = strlen(t->align);
    for (size_t i = 0; i < n && i < MAX_COLUMNS && cells[0]; i++) {
        row->cells[i] = loam_arena_strndup(t->arena, cells[i], strlen(cells[i]));
        if (!row->cells[i])
            return false;
    }
    if (t->last)
        t->last->next = row;
    else
        t->first = row;
    t->last = row;
    return true;
}

void loam_columns_end(const loam_columns *t, int indent, int width, loam_buf *out)
{
    int n = (int)strlen(t->align), widths[MAX_COLUMNS] = {0}, total = indent;
    n = n < MAX_COLUMNS ? n : MAX_COLUMNS;
    for (const struct loam_columns_row *r = t->first; r; r = r->next) {
        for (int i = 0; i < n && r->cells[0]; i++) {
            int cells = loam_text_cells(r->cells[i]);
            widths[i] = cells > widths[i] ? cells : widths[i];
        }
    }
    for (int i = 0; i < n; i++)
        total += widths[i] + (i ? GAP : 0);
    while (total > width) {
        int widest = -1;
        for (int i = 0; i < n; i++) {
            if (t->align[i] == 'l' && widths[i] > LEAST_LEFT && (widest < 0 || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest < 0)
            break;
        widths[widest]--;
        total--;
    }
    for (const struct loam_columns_row *r = t->first; r; r = r->next) {
        put_spaces(indent, out);
        for (int i = 0; !r->cells[0] && i < total - indent; i++)
            loam_buf_str(out, "─");
        for (int i = 0; i < n && r->cells[0]; i++) {
            bool last = i == n - 1;
            put_spaces(i ? GAP : 0, out);
            if (t->align[i] == 'r')
                put_spaces(widths[i] - loam_text_cells(r->cells[i]), out);
            int cells = put_cut(r->cells[i], widths[i], out);
            if (t->align[i] == 'l' && !last)
                put_spaces(widths[i] - cells, out);
        }
        /* no blanks at the end of a line */
        while (out->len && out->data[out->len - 1] == ' ')
            loam_buf_truncate(out, out->len - 1);
        loam_buf_char(out, '\n');
    }
}
