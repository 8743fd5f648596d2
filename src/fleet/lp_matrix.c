/* A program's coefficients in order: by column for the solver, and as free MPS for others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "fleet/lp_program.h"

void loam_lp_matrix_deinit(loam_lp_matrix *m)
{
    free(m->start);
    free(m->row);
    free(m->value);
    *m = (loam_lp_matrix){0};
}

/* Two counting sorts, by row and then by column, which keep the order of equal ones: so sums of a place that came more
 * than once are taken in the order in which it came, and the result is the same bytes every time. */
loam_status loam_lp_matrix_init(const loam_lp *p, loam_lp_matrix *out, loam_err *err)
{
    size_t n = p->n_entries, n_most = (size_t)(p->n_cols > p->n_rows ? p->n_cols : p->n_rows);
    int *by_row = malloc((n + 1) * sizeof *by_row), *at = malloc((n_most + 2) * sizeof *at);
    *out = (loam_lp_matrix){calloc((size_t)p->n_cols + 1, sizeof(int)), malloc((n + 1) * sizeof(int)),
                            malloc((n + 1) * sizeof(double))};
    if (!by_row || !at || !out->start || !out->row || !out->value) {
        free(by_row);
        free(at);
        loam_lp_matrix_deinit(out);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a program of %d rows and %d columns", p->n_rows, p->n_cols);
    }
    memset(at, 0, (n_most + 2) * sizeof *at);
    for (size_t k = 0; k < n; k++)
        at[p->entry_row[k] + 1]++;
    for (int i = 0; i < p->n_rows; i++)
        at[i + 1] += at[i];
    for (size_t k = 0; k < n; k++)
        by_row[at[p->entry_row[k]]++] = (int)k;

    memset(at, 0, (n_most + 2) * sizeof *at);
    for (size_t k = 0; k < n; k++)
        at[p->entry_col[k] + 1]++;
    for (int j = 0; j < p->n_cols; j++)
        at[j + 1] += at[j];
    for (size_t i = 0; i < n; i++) {
        int k = by_row[i], place = at[p->entry_col[k]]++;
        out->row[place] = p->entry_row[k];
        out->value[place] = p->entry_value[k];
    }
    /* at[j] is now the end of column j; sums and zeros leave gaps, which are closed from the front. */
    int written = 0, read = 0;
    for (int j = 0; j < p->n_cols; j++) {
        out->start[j] = written;
        while (read < at[j]) {
            int row = out->row[read];
            double sum = 0;
            for (; read < at[j] && out->row[read] == row; read++)
                sum += out->value[read];
            if (sum == 0)
                continue;
            out->row[written] = row;
            out->value[written++] = sum;
        }
    }
    out->start[p->n_cols] = written;
    free(by_row);
    free(at);
    return LOAM_OK;
}

void loam_lp_matrix_times(const loam_lp *p, const loam_lp_matrix *m, const double *x, double *activity, double *size)
{
    for (int i = 0; i < p->n_rows; i++)
        activity[i] = 0;
    for (int i = 0; size && i < p->n_rows; i++)
        size[i] = 0;
    for (int j = 0; j < p->n_cols; j++) {
        if (x[j] == 0)
            continue;
        for (int k = m->start[j]; k < m->start[j + 1]; k++) {
            double term = m->value[k] * x[j];
            activity[m->row[k]] += term;
            if (size && fabs(term) > size[m->row[k]])
                size[m->row[k]] = fabs(term);
        }
    }
}

enum { MPS_LIMIT = 1 << 30 };

/* Rows of the format have one sense each; what has two ends gets the second under RANGES. */
static char sense(double lower, double upper)
{
    if (lower == upper)
        return 'E';
    if (lower > -INFINITY)
        return 'G';
    return upper < INFINITY ? 'L' : 'N';
}

static void write_rows(const loam_lp *p, loam_buf *b)
{
    loam_buf_str(b, "NAME loam FREE\nROWS\n N cost\n");
    for (int i = 0; i < p->n_rows; i++)
        loam_buf_printf(b, " %c r%d\n", sense(p->row_lower[i], p->row_upper[i]), i);
}

static void write_columns(const loam_lp *p, const loam_lp_matrix *m, loam_buf *b)
{
    loam_buf_str(b, "COLUMNS\n");
    bool inside = false;
    int n_markers = 0;
    for (int j = 0; j < p->n_cols; j++) {
        if (p->integer[j] != inside) {
            inside = p->integer[j];
            loam_buf_printf(b, " m%d 'MARKER' '%s'\n", n_markers++, inside ? "INTORG" : "INTEND");
        }
        /* also when it is zero, so that a column without coefficients is still there */
        loam_buf_printf(b, " c%d cost %.17g\n", j, p->cost[j]);
        for (int k = m->start[j]; k < m->start[j + 1]; k++)
            loam_buf_printf(b, " c%d r%d %.17g\n", j, m->row[k], m->value[k]);
    }
    if (inside)
        loam_buf_printf(b, " m%d 'MARKER' 'INTEND'\n", n_markers);
}

static void write_sides(const loam_lp *p, loam_buf *b)
{
    loam_buf_str(b, "RHS\n");
    for (int i = 0; i < p->n_rows; i++) {
        double side = p->row_lower[i] > -INFINITY ? p->row_lower[i] : p->row_upper[i];
        if (side != 0 && side < INFINITY)
            loam_buf_printf(b, " rhs r%d %.17g\n", i, side);
    }
    loam_buf_str(b, "RANGES\n");
    for (int i = 0; i < p->n_rows; i++)
        if (p->row_lower[i] > -INFINITY && p->row_upper[i] < INFINITY && p->row_lower[i] < p->row_upper[i])
            loam_buf_printf(b, " range r%d %.17g\n", i, p->row_upper[i] - p->row_lower[i]);
    loam_buf_str(b, "BOUNDS\n");
    for (int j = 0; j < p->n_cols; j++) {
        double lower = p->col_lower[j], upper = p->col_upper[j];
        if (lower == -INFINITY && upper == INFINITY)
            loam_buf_printf(b, " FR bound c%d\n", j);
        else if (lower == upper)
            loam_buf_printf(b, " FX bound c%d %.17g\n", j, lower);
        else {
            if (lower == -INFINITY)
                loam_buf_printf(b, " MI bound c%d\n", j);
            else if (lower != 0 || p->integer[j]) /* said for integers, whose defaults differ between readers */
                loam_buf_printf(b, " LO bound c%d %.17g\n", j, lower);
            if (upper < INFINITY)
                loam_buf_printf(b, " UP bound c%d %.17g\n", j, upper);
            else if (p->integer[j])
                loam_buf_printf(b, " PL bound c%d\n", j);
        }
    }
    loam_buf_str(b, "ENDATA\n");
}

static loam_status write_file(const char *path, const loam_buf *text, loam_err *err)
{
    loam_file_writer *w;
    LOAM_TRY(loam_file_writer_open(path, &w, err));
    loam_status status = loam_file_writer_write(w, text->data, text->len, err);
    if (status == LOAM_OK)
        return loam_file_writer_commit(w, err);
    loam_file_writer_abort(w);
    return status;
}

/* Row i is "r<i>" and column j "c<j>". */
loam_status loam_lp_write_mps(const loam_lp *p, const char *path, loam_err *err)
{
    loam_lp_matrix m;
    LOAM_TRY(loam_lp_check(p, err));
    for (int i = 0; i < p->n_rows; i++)
        if (p->row_lower[i] > p->row_upper[i])
            LOAM_FAIL(err, UNSUPPORTED,
                      "row %d lies between %g and %g, which MPS cannot say: the program is infeasible", i,
                      p->row_lower[i], p->row_upper[i]);
    LOAM_TRY(loam_lp_matrix_init(p, &m, err));
    loam_buf text;
    loam_buf_init(&text, MPS_LIMIT);
    write_rows(p, &text);
    write_columns(p, &m, &text);
    write_sides(p, &text);
    loam_lp_matrix_deinit(&m);
    loam_status status;
    if (text.failed)
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__,
                              "the program as MPS needs more than the memory there is, or than %d bytes", MPS_LIMIT);
    else
        status = write_file(path, &text, err);
    loam_buf_deinit(&text);
    return status;
}
