/* Reads the chip catalogue: a header line that names the columns in any order, then one row a chip. An empty figure is
 * 0: the chip lacks the format, or nobody knows. Derived when empty: tpp (the largest dense TOPS × bits), pd (tpp over
 * the die's area) and server_kw (tdp × per_server × 1.8: what a published 10.2 kW server of eight 700 W chips draws).
 */
#include "fleet/chips_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_CATALOGUE_BYTES = 1 << 20, MAX_ROWS = 1000 };

typedef enum column_kind { TEXT, COUNTRY, NUMBER, COUNT, FLAG, DENSE } column_kind;
typedef struct column {
    const char *name;
    column_kind kind;
    size_t offset;
    double max;
    bool required; /* may not be empty */
} column;

#define AT(field) offsetof(loam_chip, field)
static const column columns[] = {
    {"chip", TEXT, AT(name), 0, true},
    {"vendor", TEXT, AT(vendor), 0, true},
    {"origin", COUNTRY, AT(origin), 0, true},
    {"year", COUNT, AT(year), 2100, true},
    {"bf16_tflops", NUMBER, AT(bf16_tflops), 1e6, true},
    {"int8_tops", NUMBER, AT(int8_tops), 1e6, false},
    {"fp8_tflops", NUMBER, AT(fp8_tflops), 1e6, false},
    {"fp4_tflops", NUMBER, AT(fp4_tflops), 1e6, false},
    {"mem_gb", NUMBER, AT(mem_gb), 1e5, false},
    {"mem_gbps", NUMBER, AT(mem_gbps), 1e6, false},
    {"link_gbps", NUMBER, AT(link_gbps), 1e6, false},
    {"tdp_w", NUMBER, AT(tdp_w), 1e5, false},
    {"server_kw", NUMBER, AT(server_kw), 1e4, false},
    {"per_server", COUNT, AT(per_server), 1024, true},
    {"link_domain", COUNT, AT(link_domain), 8192, true},
    {"die_mm2", NUMBER, AT(die_mm2), 1e5, false},
    {"tpp", NUMBER, AT(tpp), 1e7, false},
    {"pd", NUMBER, AT(pd), 1e4, false},
    {"datacentre", FLAG, AT(datacentre), 0, true},
    {"us_sold", FLAG, AT(us_sold), 0, true},
    {"price_usd_low", NUMBER, AT(price_low), 1e7, false},
    {"price_usd_high", NUMBER, AT(price_high), 1e7, false},
    {"dense", DENSE, 0, 0, false},
    {"source", TEXT, AT(source), 0, true},
    {"certainty", TEXT, AT(certainty), 0, true},
};
#undef AT
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* Where each field of a row belongs. */
typedef struct header {
    size_t n;
    const column *of[LOAM_CSV_MAX_FIELDS];
} header;

static loam_status read_header(loam_csv *csv, header *h, loam_err *err)
{
    bool seen[N_COLUMNS] = {false};
    h->n = csv->n;
    for (size_t f = 0; f < csv->n; f++) {
        size_t k = 0;
        while (k < N_COLUMNS && strcmp(columns[k].name, csv->fields[f]) != 0)
            k++;
        if (k == N_COLUMNS)
            LOAM_FAIL(err, INVALID, "%s:%d: unknown column '%.60s'", csv->name, csv->record_line, csv->fields[f]);
        if (seen[k])
            LOAM_FAIL(err, INVALID, "%s:%d: column '%s' comes twice", csv->name, csv->record_line, columns[k].name);
        seen[k] = true;
        h->of[f] = &columns[k];
    }
    for (size_t k = 0; k < N_COLUMNS; k++)
        if (!seen[k])
            LOAM_FAIL(err, INVALID, "%s:%d: column '%s' is missing (leave a cell empty where nothing is known)",
                      csv->name, csv->record_line, columns[k].name);
    return LOAM_OK;
}

/* Digits, a point and an exponent only: no "inf", no hexadecimal, nothing negative. */
static bool parse_number(const char *s, double max, double *out)
{
    char *end;
    if (strspn(s, "0123456789.eE+-") != strlen(s) || s[0] == '-')
        return false;
    errno = 0;
    *out = strtod(s, &end);
    return *s && !*end && errno == 0 && isfinite(*out) && *out >= 0 && *out <= max;
}

static bool parse_flag(const char *s, bool *out)
{
    *out = strcmp(s, "yes") == 0;
    return *out || strcmp(s, "no") == 0;
}

static bool is_country(const char *s)
{
    return strlen(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z';
}

static loam_status read_cell(const loam_csv *csv, const column *k, const char *text, loam_chip *chip, bool *checked,
                             loam_err *err)
{
    void *field = (char *)chip + k->offset;
    double v = 0;
    const char *expected = NULL;
    if (!*text) {
        if (k->required)
            LOAM_FAIL(err, INVALID, "%s:%d: column '%s' may not be empty", csv->name, csv->record_line, k->name);
        return LOAM_OK;
    }
    switch (k->kind) {
    case TEXT:
        *(const char **)field = text;
        break;
    case COUNTRY:
        *(const char **)field = text;
        expected = is_country(text) ? NULL : "a country of two capital letters, like US or CN";
        break;
    case NUMBER:
        expected = parse_number(text, k->max, field) ? NULL : "a number, 0 or more, without a unit";
        break;
    case COUNT:
        expected = parse_number(text, k->max, &v) && v >= 1 && v == floor(v) ? NULL : "a whole number from 1";
        *(int *)field = expected ? 0 : (int)v;
        break;
    case FLAG:
        expected = parse_flag(text, field) ? NULL : "yes or no";
        break;
    case DENSE:
        *checked = strcmp(text, "checked") == 0;
        expected = *checked ? NULL : "'checked' (somebody made sure that the peaks are dense ones) or nothing";
        break;
    }
    if (expected)
        LOAM_FAIL(err, INVALID, "%s:%d: column '%s' is '%.60s': %s was expected", csv->name, csv->record_line, k->name,
                  text, expected);
    return LOAM_OK;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void derive(loam_chip *c)
{
    if (c->tpp == 0)
        c->tpp = larger(larger(c->bf16_tflops * 16, c->int8_tops * 8), larger(c->fp8_tflops * 8, c->fp4_tflops * 4));
    if (c->pd == 0 && c->die_mm2 > 0)
        c->pd = c->tpp / c->die_mm2;
    if (c->server_kw == 0)
        c->server_kw = c->tdp_w * c->per_server * 1.8 / 1000;
}

static loam_status read_rows(loam_csv *csv, loam_arena *arena, loam_chips *out, loam_err *err)
{
    header h;
    bool more;
    size_t n = 0, room = 0;
    for (const char *p = csv->at; p < csv->end; p++)
        room += *p == '\n';
    room = room < MAX_ROWS ? room + 1 : MAX_ROWS;
    loam_chip *chips = loam_arena_alloc(arena, room * sizeof *chips);
    int *lines = loam_arena_alloc(arena, room * sizeof *lines);
    bool *checked = loam_arena_alloc(arena, room * sizeof *checked);
    if (!chips || !lines || !checked)
        LOAM_FAIL(err, NO_MEMORY, "%s: no memory for the table", csv->name);
    LOAM_TRY(loam_csv_next(csv, &more, err));
    if (!more)
        LOAM_FAIL(err, INVALID, "%s: the catalogue is empty: a header line and a row per chip were expected",
                  csv->name);
    LOAM_TRY(read_header(csv, &h, err));
    for (;; n++) {
        LOAM_TRY(loam_csv_next(csv, &more, err));
        if (!more)
            break;
        if (n == room)
            LOAM_FAIL(err, TOO_LARGE, "%s:%d: more than %d chips", csv->name, csv->record_line, (int)MAX_ROWS);
        if (csv->n != h.n)
            LOAM_FAIL(err, INVALID, "%s:%d: %zu fields, the header has %zu (put text with commas in quotes)", csv->name,
                      csv->record_line, csv->n, h.n);
        lines[n] = csv->record_line;
        for (size_t f = 0; f < h.n; f++)
            LOAM_TRY(read_cell(csv, h.of[f], csv->fields[f], &chips[n], &checked[n], err));
        derive(&chips[n]);
    }
    *out = (loam_chips){n, chips};
    return loam_chips_check(csv->name, chips, lines, checked, n, err);
}

loam_status loam_chips_parse(const char *name, const char *text, size_t len, loam_arena *arena, loam_chips *out,
                             loam_err *err)
{
    loam_chips read = {0};
    *out = read;
    if (len > MAX_CATALOGUE_BYTES)
        LOAM_FAIL(err, TOO_LARGE, "%s: %zu bytes, at most %d were expected", name, len, (int)MAX_CATALOGUE_BYTES);
    if (len && memchr(text, 0, len))
        LOAM_FAIL(err, INVALID, "%s: this is not text (it holds a zero byte)", name);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* spreadsheets begin UTF-8 with a byte order mark */
        text += 3;
        len -= 3;
    }
    loam_csv csv = {.name = name, .at = text, .end = text + len, .line = 1, .arena = arena};
    LOAM_TRY(read_rows(&csv, arena, &read, err));
    *out = read;
    return LOAM_OK;
}

loam_status loam_chips_builtin(loam_arena *arena, loam_chips *out, loam_err *err)
{
    return loam_chips_parse("chips.csv", loam_chips_csv, loam_chips_csv_len, arena, out, err);
}

int loam_chips_find(const loam_chips *c, const char *name)
{
    size_t len = strlen(name);
    int part = -1, begin = -1, n_part = 0, n_begin = 0;
    for (size_t i = 0; len && i < c->n; i++) {
        const char *full = c->chips[i].name;
        if (strncasecmp(full, name, len) != 0)
            continue;
        if (!full[len])
            return (int)i;
        /* whole parts first, so that "H20" is H20-SXM-96GB and not H200-SXM-141GB */
        if (full[len] == '-') {
            part = (int)i;
            n_part++;
        }
        begin = (int)i;
        n_begin++;
    }
    return n_part == 1 ? part : n_part == 0 && n_begin == 1 ? begin : -1;
}
