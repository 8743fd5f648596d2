/* Whether a catalogue's rows can be. Public tables often give the sparse peak of a chip, twice the dense one, which
 * would make every plan wrong by two; two tests ask about that: INT8 or FP8 runs at twice BF16 on nearly all chips, and
 * no chip has over twice the TFLOPS per watt of its year's peers. A row for which the answer is known says "checked".
 */
#include "fleet/chips_int.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum { MIN_PEERS = 3 };

static bool differs(double a, double b, double share)
{
    return fabs(a - b) > share * fabs(b);
}

static loam_status check_figures(const char *name, int line, const loam_chip *c, loam_err *err)
{
    double most = fmax(fmax(c->bf16_tflops * 16, c->int8_tops * 8), fmax(c->fp8_tflops * 8, c->fp4_tflops * 4));
    if (c->bf16_tflops <= 0)
        LOAM_FAIL(err, INVALID, "%s:%d: %s: bf16_tflops must be above 0", name, line, c->name);
    if (c->year < 2010)
        LOAM_FAIL(err, INVALID, "%s:%d: %s: year %d: a year from 2010 was expected", name, line, c->name, c->year);
    /* more is possible: the rules count FP16, which some chips run faster than BF16 */
    if (c->tpp < most * 0.98)
        LOAM_FAIL(err, INVALID, "%s:%d: %s: tpp %g is under its own TOPS × bits, %g", name, line, c->name, c->tpp,
                  most);
    if (c->die_mm2 > 0 && differs(c->pd, c->tpp / c->die_mm2, 0.02))
        LOAM_FAIL(err, INVALID, "%s:%d: %s: pd %g is not tpp / die_mm2, %.2f", name, line, c->name, c->pd,
                  c->tpp / c->die_mm2);
    if (c->price_low > c->price_high)
        LOAM_FAIL(err, INVALID, "%s:%d: %s: price_usd_low %g is above price_usd_high %g", name, line, c->name,
                  c->price_low, c->price_high);
    if (c->server_kw > 0 && c->tdp_w > 0 && c->server_kw * 1000 < c->tdp_w * c->per_server)
        LOAM_FAIL(err, INVALID, "%s:%d: %s: server_kw %g is less than its %d chips draw alone", name, line, c->name,
                  c->server_kw, c->per_server);
    return LOAM_OK;
}

static loam_status check_ratio(const char *name, int line, const loam_chip *c, loam_err *err)
{
    const char *columns[] = {"int8_tops", "fp8_tflops"};
    double peaks[] = {c->int8_tops, c->fp8_tflops};
    for (int i = 0; i < 2; i++)
        if (peaks[i] > 0 && differs(peaks[i], 2 * c->bf16_tflops, 0.1))
            LOAM_FAIL(err, INVALID,
                      "%s:%d: %s: %s is %.2f times bf16_tflops, not 2: is one of them the peak with sparsity? Give "
                      "the dense ones, or write 'checked' in column dense",
                      name, line, c->name, columns[i], peaks[i] / c->bf16_tflops);
    return LOAM_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median TFLOPS per watt of other chips within a year that are built for the same kind of machine; 0 if too few. */
static double peers(const loam_chip *chips, size_t n, size_t self, double *room)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        const loam_chip *c = &chips[i];
        if (i != self && c->tdp_w > 0 && abs(c->year - chips[self].year) <= 1 &&
            c->datacentre == chips[self].datacentre)
            room[m++] = c->bf16_tflops / c->tdp_w;
    }
    if (m < MIN_PEERS)
        return 0;
    qsort(room, m, sizeof *room, by_value);
    return (room[(m - 1) / 2] + room[m / 2]) / 2;
}

loam_status loam_chips_check(const char *name, const loam_chip *chips, const int *lines, const bool *checked, size_t n,
                             loam_err *err)
{
    loam_status status = LOAM_OK;
    double *room = malloc((n ? n : 1) * sizeof *room);
    if (!room)
        LOAM_FAIL(err, NO_MEMORY, "%s: no memory for the table", name);
    for (size_t i = 0; i < n && status == LOAM_OK; i++) {
        const loam_chip *c = &chips[i];
        for (size_t j = 0; j < i && status == LOAM_OK; j++)
            if (strcasecmp(c->name, chips[j].name) == 0)
                status = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "%s:%d: %s is already in line %d",
                                      name, lines[i], c->name, lines[j]);
        if (status == LOAM_OK)
            status = check_figures(name, lines[i], c, err);
        if (status == LOAM_OK && !checked[i])
            status = check_ratio(name, lines[i], c, err);
        double typical = checked[i] || c->tdp_w <= 0 ? 0 : peers(chips, n, i, room);
        if (status == LOAM_OK && typical > 0 && c->bf16_tflops / c->tdp_w > 2 * typical)
            status = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                  "%s:%d: %s: %.2f TFLOPS per watt is over twice that of its year's peers (%.2f): is "
                                  "it the peak with sparsity? Give the dense one, or write 'checked' in column dense",
                                  name, lines[i], c->name, c->bf16_tflops / c->tdp_w, typical);
    }
    free(room);
    return status;
}
