/* The published rows that the equations are checked against, and the 60 of them that the constants were fitted on:
 * TensorRT-LLM's tables of total output tokens per second at full load (docs/source/performance/perf-overview.md,
 * commit 00f37686), FP8, three dense models on H100 and H200 in ten lengths. */
#include "fleet/perf_int.h"
#include "fleet/scenario_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 160, MAX_WHAT = 96, N_LENGTHS = 10 };

struct loam_perf_rows {
    size_t n;
    loam_perf_row *rows;    /* [MAX_ROWS] */
    char (*what)[MAX_WHAT]; /* behind them in the same block */
    bool failed;
};

static const char tensorrt[] = "NVIDIA/TensorRT-LLM perf-overview.md, commit 00f37686";

static const struct {
    double in, out;
} lengths[N_LENGTHS] = {{128, 128},   {128, 2048}, {128, 4096},  {500, 2000}, {1000, 1000},
                        {1000, 2000}, {2048, 128}, {2048, 2048}, {5000, 500}, {20000, 2000}};

static const struct table {
    const char *model; /* of the built-in table */
    double weight_bits;
    const char *chip;
    int chips;
    const char *group;
    double output_per_s[N_LENGTHS];
} tables[] = {
    {"Llama-3.1-8B", 8, "H200", 1, "fitted", {27911, 26221, 18027, 20770, 17744, 16828, 3538, 12194, 3902, 1804}},
    {"Llama-3.1-8B", 8, "H100", 1, "fitted", {28312, 22714, 14325, 17660, 15220, 13899, 3450, 9305, 3459, 1351}},
    {"Llama-3.3-70B", 8, "H200", 1, "fitted", {3803, 4336, 2872, 3666, 2909, 2994, 442, 2003, 566, 283}},
    {"Llama-3.3-70B", 8, "H100", 2, "fitted", {6378, 6651, 4199, 5222, 4205, 4146, 762, 3082, 898, 437}},
    {"Llama-3.1-405B", 8, "H200", 8, "fitted", {3814, 5348, 4741, 4724, 3330, 3722, 456, 2948, 650, 505}},
    {"Llama-3.1-405B", 8, "H100", 8, "fitted", {3627, 4340, 3116, 3994, 2919, 2895, 453, 2296, 610, 345}},
    {"Qwen3-235B-A22B", 8, "H200", 8, "other", {30429, 42821, 26852, 28026, 23789, 22061, 3331, 16672, 3623, 1876}},
    {"Llama-3.3-70B", 4, "B200", 1, "other", {11147, 9922, 6831, 7762, 7007, 6271, 1339, 4783, 1459, 665}},
};

bool loam_perf_row_add(loam_perf_rows *r, const char *group, const char *unit, const char *source, double published,
                       double computed, const char *what_format, ...)
{
    if (r->n == MAX_ROWS) {
        r->failed = true;
        return false;
    }
    va_list args;
    va_start(args, what_format);
    vsnprintf(r->what[r->n], MAX_WHAT, what_format, args);
    va_end(args);
    r->rows[r->n] = (loam_perf_row){group, r->what[r->n], unit, source, published, computed};
    r->n++;
    return true;
}

loam_fleet_chip loam_perf_plain_chip(const loam_chips *catalogue, const char *name)
{
    loam_fleet_chip c = {.scale = 1, .yearly_failures = 0.17};
    int i = loam_chips_find(catalogue, name);
    if (i >= 0)
        c.chip = catalogue->chips[i];
    return c;
}

static void add_table(loam_perf_rows *r, const struct table *t, const loam_chips *catalogue)
{
    loam_fleet_chip chip = loam_perf_plain_chip(catalogue, t->chip);
    loam_fleet_model m = {0};
    for (size_t k = 0; k < loam_n_builtin_models; k++)
        if (strcmp(loam_builtin_models[k].name, t->model) == 0)
            m = loam_builtin_models[k];
    m.weight_bits = t->weight_bits;
    for (int i = 0; i < N_LENGTHS; i++) {
        loam_service s = {.tokens_in = lengths[i].in, .tokens_out = lengths[i].out};
        loam_replica replica;
        loam_perf_replica(&m, &s, &chip, t->chips, 0, &replica);
        loam_perf_row_add(r, t->group, "output tokens/s", tensorrt, t->output_per_s[i], replica.output_per_s,
                          "%s%s, %d x %s, %g in, %g out", m.name, t->weight_bits == 4 ? " FP4" : "", t->chips, t->chip,
                          lengths[i].in, lengths[i].out);
    }
}

loam_status loam_perf_validate(loam_perf_row **out, size_t *n, loam_err *err)
{
    loam_chips catalogue;
    loam_arena *arena = loam_arena_new((size_t)4 << 20);
    loam_perf_row *rows = calloc(MAX_ROWS, sizeof *rows + MAX_WHAT);
    loam_status status = LOAM_OK;
    *out = NULL;
    *n = 0;
    if (!arena || !rows)
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the published rows");
    if (status == LOAM_OK)
        status = loam_chips_builtin(arena, &catalogue, err);
    if (status != LOAM_OK) {
        loam_arena_free(arena);
        free(rows);
        return status;
    }
    loam_perf_rows r = {.rows = rows, .what = (char(*)[MAX_WHAT])(rows + MAX_ROWS)};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        add_table(&r, &tables[i], &catalogue);
    loam_perf_published(&r, &catalogue);
    loam_arena_free(arena);
    if (r.failed) {
        free(rows);
        LOAM_FAIL(err, INTERNAL, "more published rows than the table has room for");
    }
    *out = rows;
    *n = r.n;
    return LOAM_OK;
}
