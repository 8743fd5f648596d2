/* Building a program: columns, rows and coefficients in growing arrays, put in order only when it is solved. */
#include "fleet/lp.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/lp_program.h"

/* What a failed loam_lp_group, _col or _row returns: using it is harmless, and the solve tells the first failure. */
enum { NO_INDEX = -1, FIRST_CAPACITY = 64 };

#define BUILD_FAIL(p, CODE, ...)                                                              \
    do {                                                                                      \
        if ((p)->failure.code == LOAM_OK)                                                     \
            loam_err_set(&(p)->failure, LOAM_STATUS_##CODE, __FILE__, __LINE__, __VA_ARGS__); \
    } while (0)

loam_lp *loam_lp_new(void)
{
    return calloc(1, sizeof(loam_lp));
}

void loam_lp_free(loam_lp *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_groups; i++)
        free(p->groups[i].name);
    free(p->groups);
    free(p->col_lower);
    free(p->col_upper);
    free(p->cost);
    free(p->integer);
    free(p->row_lower);
    free(p->row_upper);
    free(p->row_group);
    free(p->entry_row);
    free(p->entry_col);
    free(p->entry_value);
    free(p);
}

static bool grow(loam_lp *p, void *array, size_t size, size_t cap)
{
    void *old, *new;
    memcpy(&old, array, sizeof old); /* array is the address of a pointer to some type */
    if (!(new = reallocarray(old, cap, size))) {
        BUILD_FAIL(p, NO_MEMORY, "no memory for a program of %d rows and %d columns", p->n_rows, p->n_cols);
        return false;
    }
    memcpy(array, &new, sizeof new);
    return true;
}

/* The capacity that follows `cap`, or 0 when there is none left. */
static int next_capacity(loam_lp *p, int cap)
{
    if (cap > INT_MAX / 2) {
        BUILD_FAIL(p, TOO_LARGE, "a program cannot have more than %d rows, columns or groups", INT_MAX / 2);
        return 0;
    }
    return cap ? 2 * cap : FIRST_CAPACITY;
}

static bool copy_array(void *to, const void *from, size_t n, size_t size)
{
    if (n == 0)
        return true;
    void *bytes = reallocarray(NULL, n, size);
    if (!bytes)
        return false;
    memcpy(bytes, from, n * size);
    memcpy(to, &bytes, sizeof bytes);
    return true;
}

loam_lp *loam_lp_copy(const loam_lp *p)
{
    loam_lp *c = loam_lp_new();
    if (!c)
        return NULL;
    c->failure = p->failure;
    size_t n_cols = (size_t)p->n_cols, n_rows = (size_t)p->n_rows, n = p->n_entries;
    if (!copy_array(&c->col_lower, p->col_lower, n_cols, sizeof *p->col_lower) ||
        !copy_array(&c->col_upper, p->col_upper, n_cols, sizeof *p->col_upper) ||
        !copy_array(&c->cost, p->cost, n_cols, sizeof *p->cost) ||
        !copy_array(&c->integer, p->integer, n_cols, sizeof *p->integer) ||
        !copy_array(&c->row_lower, p->row_lower, n_rows, sizeof *p->row_lower) ||
        !copy_array(&c->row_upper, p->row_upper, n_rows, sizeof *p->row_upper) ||
        !copy_array(&c->row_group, p->row_group, n_rows, sizeof *p->row_group) ||
        !copy_array(&c->entry_row, p->entry_row, n, sizeof *p->entry_row) ||
        !copy_array(&c->entry_col, p->entry_col, n, sizeof *p->entry_col) ||
        !copy_array(&c->entry_value, p->entry_value, n, sizeof *p->entry_value))
        goto fail;
    c->n_cols = c->cap_cols = p->n_cols;
    c->n_rows = c->cap_rows = p->n_rows;
    c->n_entries = c->cap_entries = n;
    for (int g = 0; g < p->n_groups; g++)
        if (loam_lp_group(c, p->groups[g].name, p->groups[g].relax_cost) < 0)
            goto fail;
    return c;
fail:
    loam_lp_free(c);
    return NULL;
}

int loam_lp_group(loam_lp *p, const char *name, double relax_cost)
{
    if (isnan(relax_cost) || relax_cost < 0) {
        BUILD_FAIL(p, INTERNAL, "group '%s': relaxing it costs %g, expected a number from 0 or infinity", name,
                   relax_cost);
        return NO_INDEX;
    }
    if (p->n_groups == p->cap_groups) {
        int cap = next_capacity(p, p->cap_groups);
        if (!cap || !grow(p, &p->groups, sizeof *p->groups, (size_t)cap))
            return NO_INDEX;
        p->cap_groups = cap;
    }
    char *own = strdup(name);
    if (!own) {
        BUILD_FAIL(p, NO_MEMORY, "no memory for the name of a group");
        return NO_INDEX;
    }
    p->groups[p->n_groups] = (loam_lp_named){own, relax_cost};
    return p->n_groups++;
}

/* Whether lower and upper can be the ends of something; lower > upper is a program's own business: it is infeasible. */
static bool check_bounds(loam_lp *p, const char *what, int index, double lower, double upper)
{
    if (!isnan(lower) && !isnan(upper) && lower < INFINITY && upper > -INFINITY)
        return true;
    BUILD_FAIL(p, INTERNAL, "%s %d of the program lies between %g and %g, which no number does", what, index, lower,
               upper);
    return false;
}

int loam_lp_col(loam_lp *p, double lower, double upper, bool integer)
{
    if (!check_bounds(p, "column", p->n_cols, lower, upper))
        return NO_INDEX;
    if (p->n_cols == p->cap_cols) {
        int cap = next_capacity(p, p->cap_cols);
        if (!cap || !grow(p, &p->col_lower, sizeof *p->col_lower, (size_t)cap) ||
            !grow(p, &p->col_upper, sizeof *p->col_upper, (size_t)cap) ||
            !grow(p, &p->cost, sizeof *p->cost, (size_t)cap) || !grow(p, &p->integer, sizeof *p->integer, (size_t)cap))
            return NO_INDEX;
        p->cap_cols = cap;
    }
    p->col_lower[p->n_cols] = lower;
    p->col_upper[p->n_cols] = upper;
    p->cost[p->n_cols] = 0;
    p->integer[p->n_cols] = integer;
    return p->n_cols++;
}

int loam_lp_row(loam_lp *p, double lower, double upper, int group)
{
    if (!check_bounds(p, "row", p->n_rows, lower, upper))
        return NO_INDEX;
    if (group < -1 || group >= p->n_groups) {
        BUILD_FAIL(p, INTERNAL, "row %d of the program is in group %d of %d", p->n_rows, group, p->n_groups);
        return NO_INDEX;
    }
    if (p->n_rows == p->cap_rows) {
        int cap = next_capacity(p, p->cap_rows);
        if (!cap || !grow(p, &p->row_lower, sizeof *p->row_lower, (size_t)cap) ||
            !grow(p, &p->row_upper, sizeof *p->row_upper, (size_t)cap) ||
            !grow(p, &p->row_group, sizeof *p->row_group, (size_t)cap))
            return NO_INDEX;
        p->cap_rows = cap;
    }
    p->row_lower[p->n_rows] = lower;
    p->row_upper[p->n_rows] = upper;
    p->row_group[p->n_rows] = group;
    return p->n_rows++;
}

static bool has_col(loam_lp *p, int col)
{
    if (col >= 0 && col < p->n_cols)
        return true;
    BUILD_FAIL(p, INTERNAL, "column %d of %d of the program does not exist", col, p->n_cols);
    return false;
}

static bool has_row(loam_lp *p, int row)
{
    if (row >= 0 && row < p->n_rows)
        return true;
    BUILD_FAIL(p, INTERNAL, "row %d of %d of the program does not exist", row, p->n_rows);
    return false;
}

void loam_lp_add(loam_lp *p, int row, int col, double a)
{
    if (!has_row(p, row) || !has_col(p, col))
        return;
    if (!isfinite(a)) {
        BUILD_FAIL(p, INTERNAL, "the coefficient of column %d in row %d of the program is %g", col, row, a);
        return;
    }
    if (p->n_entries == p->cap_entries) {
        if (p->cap_entries >= INT_MAX / 2) { /* the solver counts entries in an int */
            BUILD_FAIL(p, TOO_LARGE, "a program cannot have more than %d coefficients", INT_MAX / 2);
            return;
        }
        size_t cap = p->cap_entries ? 2 * p->cap_entries : FIRST_CAPACITY;
        if (!grow(p, &p->entry_row, sizeof *p->entry_row, cap) || !grow(p, &p->entry_col, sizeof *p->entry_col, cap) ||
            !grow(p, &p->entry_value, sizeof *p->entry_value, cap))
            return;
        p->cap_entries = cap;
    }
    p->entry_row[p->n_entries] = row;
    p->entry_col[p->n_entries] = col;
    p->entry_value[p->n_entries++] = a;
}

void loam_lp_cost(loam_lp *p, int col, double cost)
{
    if (!has_col(p, col))
        return;
    if (!isfinite(cost))
        BUILD_FAIL(p, INTERNAL, "the cost of column %d of the program is %g", col, cost);
    else
        p->cost[col] = cost;
}

void loam_lp_cost_clear(loam_lp *p)
{
    for (int j = 0; j < p->n_cols; j++)
        p->cost[j] = 0;
}

void loam_lp_bounds(loam_lp *p, int col, double lower, double upper)
{
    if (!has_col(p, col) || !check_bounds(p, "column", col, lower, upper))
        return;
    p->col_lower[col] = lower;
    p->col_upper[col] = upper;
}

void loam_lp_row_bounds(loam_lp *p, int row, double lower, double upper)
{
    if (!has_row(p, row) || !check_bounds(p, "row", row, lower, upper))
        return;
    p->row_lower[row] = lower;
    p->row_upper[row] = upper;
}

int loam_lp_n_cols(const loam_lp *p)
{
    return p->n_cols;
}
int loam_lp_n_rows(const loam_lp *p)
{
    return p->n_rows;
}
const char *loam_lp_group_name(const loam_lp *p, int group)
{
    return group >= 0 && group < p->n_groups ? p->groups[group].name : "";
}
int loam_lp_row_group(const loam_lp *p, int row)
{
    return row >= 0 && row < p->n_rows ? p->row_group[row] : NO_INDEX;
}

loam_status loam_lp_check(const loam_lp *p, loam_err *err)
{
    if (p->failure.code != LOAM_OK && err)
        *err = p->failure;
    return p->failure.code;
}

void loam_lp_row_range(const loam_lp *p, int row, double *lower, double *upper)
{
    *lower = p->row_lower[row];
    *upper = p->row_upper[row];
}
