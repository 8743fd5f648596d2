/* Operations of pictures and clips, cut into tasks over rows, column groups, tiles and heads. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "device/cpu_int.h"

enum {
    ROW_PART = 32,
    PACK_ROWS = 512,
    AT_ONCE = 4096, /* floats that are normalised before they are stored in another layout; a tile has more */
};

bool loam_cpu_is_picture(const loam_op *o)
{
    return o->kind >= LOAM_OP_CONV;
}

static int64_t parts(int64_t n, int64_t per)
{
    return (n + per - 1) / per;
}

static int64_t at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

/* Row of a spread tensor (or NULL) that row i of `rows` meets. */
static const float *spread_row(const loam_program *p, int id, int64_t i, int64_t rows)
{
    return id < 0 ? NULL : loam_cpu_row(p, id, i / (rows / loam_cpu_n_rows(p, id)));
}

typedef struct conv_cut {
    int64_t units, groups; /* rows or tiles, and column groups of a task */
    int64_t unit_parts, col_parts;
} conv_cut;

/* Bytes of a row's gathered taps, for inputs in the layout of products. */
static size_t gathered_stride(const loam_plan *plan, const loam_op *o)
{
    const loam_conv *c = &o->conv;
    return loam_align_up(loam_act_row_bytes(plan->tensors[o->in[0]].layout, c->c) * (size_t)(c->kt * c->kh * c->kw),
                         64);
}

/* Rows whose gathered taps stay in the second cache. */
static int64_t gathered_rows(const loam_plan *plan, const loam_op *o)
{
    enum { BYTES = 1 << 20, TILE = 32 };
    int64_t rows = (int64_t)(BYTES / gathered_stride(plan, o)) / TILE * TILE;
    return rows < TILE ? TILE : at_most(rows, LOAM_CONV_TASK_ROWS);
}

/* Whether it reads bf16 rows where they lie. Its units are lines of outputs. */
static bool is_half(const loam_program *p, const loam_op *o)
{
    return p->device->kernels->conv_half && loam_cpu_tensor(p, o->in[0])->layout == LOAM_ACT_BF16 &&
           loam_conv_is_half(&o->conv);
}

size_t loam_cpu_gathered_bytes(const loam_plan *plan)
{
    size_t most = 0;
    for (int i = 0; i < plan->n_ops; i++) {
        const loam_op *o = &plan->ops[i];
        if (o->kind != LOAM_OP_CONV || plan->tensors[o->in[0]].layout == LOAM_ACT_F32)
            continue;
        size_t bytes = gathered_stride(plan, o) * (size_t)gathered_rows(plan, o);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static bool is_gathered(const loam_program *p, const loam_op *o)
{
    return loam_cpu_tensor(p, o->in[0])->layout != LOAM_ACT_F32;
}

/* Lines for which it pays to bring the weights from memory, and column groups for which it does to copy the lines. */
static conv_cut cut_half(const loam_program *p, const loam_op *o)
{
    enum { LEAST_POSITIONS = 512, LEAST_LINES = 4, MOST_LINES = 64, LEAST_GROUPS = 4, TASKS_A_THREAD = 4 };
    int64_t groups = loam_cpu_tensor(p, o->in[1])->weight->packed.n_groups, ow = o->conv.ow;
    int64_t lines = loam_conv_rows(&o->conv) / ow, want = loam_pool_size(p->device->pool) * TASKS_A_THREAD;
    int64_t least = parts(LEAST_POSITIONS, ow) < LEAST_LINES ? LEAST_LINES : parts(LEAST_POSITIONS, ow);
    conv_cut c = {.units = at_most(parts(lines, want), MOST_LINES), .groups = groups};
    c.units = c.units < least ? least : c.units;
    c.unit_parts = parts(lines, c.units);
    while (c.groups > LEAST_GROUPS && c.unit_parts * parts(groups, c.groups) < want)
        c.groups = parts(c.groups, 4) * 2; /* in pairs, as they are computed */
    c.col_parts = parts(groups, c.groups);
    return c;
}

static conv_cut cut_conv(const loam_program *p, const loam_op *o)
{
    if (is_half(p, o))
        return cut_half(p, o);
    enum { LEAST_GROUPS = 4, TASKS_A_THREAD = 4 };
    const loam_packed *w = &loam_cpu_tensor(p, o->in[1])->weight->packed;
    bool tiles = o->winograd && !is_gathered(p, o);
    int64_t n = tiles ? loam_conv_tiles(&o->conv) : loam_conv_rows(&o->conv);
    conv_cut c = {.units = tiles ? LOAM_WINOGRAD_TASK_TILES : LOAM_CONV_TASK_ROWS, .groups = w->n_groups};
    if (is_gathered(p, o))
        c.units = gathered_rows(p->plan, o);
    c.unit_parts = parts(n, c.units);
    if (!tiles && !is_gathered(p, o))
        c.groups = at_most(c.groups, LOAM_CONV_TASK_GROUPS);
    int64_t want = loam_pool_size(p->device->pool) * TASKS_A_THREAD;
    while (c.groups > LEAST_GROUPS && c.unit_parts * parts(w->n_groups, c.groups) < want)
        c.groups = parts(c.groups, 2);
    c.col_parts = parts(w->n_groups, c.groups);
    c.groups = parts(w->n_groups, c.col_parts); /* evenly: each part gathers its input anew */
    c.col_parts = parts(w->n_groups, c.groups);
    return c;
}

/* What is added to output rows [row, row + m), columns [c0, c0 + n), while they are in the cache. */
static void conv_epilogue(const loam_program *p, const loam_op *o, int64_t row, int64_t m, int64_t c0, int64_t n)
{
    int64_t rows = loam_conv_rows(&o->conv);
    for (int64_t i = row; i < row + m; i++) {
        float *y = loam_cpu_row(p, o->out, i) + c0;
        if (o->in[3] >= 0)
            p->device->kernels->add(y, loam_cpu_row(p, o->in[3], i) + c0, n, y);
        if (o->in[4] >= 0)
            p->device->kernels->add(y, spread_row(p, o->in[4], i, rows) + c0, n, y);
    }
}

/* A convolution over rows in the layout of products (bf16): the taps of some rows are put beside each other, and that
 * is a product. Channels are whole blocks of the layout, so that a tap is a piece of a row. */
static void run_gathered(const loam_program *p, const loam_op *o, const conv_cut *cut, int task,
                         const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_tensor *in = loam_cpu_tensor(p, o->in[0]);
    const loam_packed *w = &loam_cpu_tensor(p, o->in[1])->weight->packed;
    const loam_conv *c = &o->conv;
    const int up = c->up ? 2 : 1;
    const size_t piece = loam_act_row_bytes(in->layout, c->c), stride = gathered_stride(p->plan, o);
    uint8_t *rows = (uint8_t *)s->kernel + LOAM_MATMUL_SCRATCH;
    int64_t r0 = task / cut->col_parts * cut->units, m = at_most(cut->units, loam_conv_rows(c) - r0);
    for (int64_t i = 0; i < m; i++) {
        int64_t r = r0 + i, ox = r % c->ow, oy = r / c->ow % c->oh, ot = r / (c->ow * c->oh) % c->of,
                picture = r / (c->ow * c->oh * c->of);
        uint8_t *at = rows + (size_t)i * stride;
        for (int dt = 0; dt < c->kt; dt++)
            for (int dy = 0; dy < c->kh; dy++)
                for (int dx = 0; dx < c->kw; dx++, at += piece) {
                    int64_t t = ot * c->stride_t + dt - c->pad_t, y = oy * c->stride + dy - c->pad_top;
                    int64_t x = ox * c->stride + dx - c->pad_left;
                    bool inside = t >= 0 && t < c->f && y >= 0 && y < c->h * up && x >= 0 && x < c->w * up;
                    int64_t row = ((picture * c->f + t) * c->h + y / up) * c->w + x / up;
                    if (inside)
                        memcpy(at, (const uint8_t *)loam_cpu_rows(p, o->in[0]) + (size_t)row * in->row_bytes, piece);
                    else
                        memset(at, 0, piece);
                }
    }
    int64_t end = at_most(task % cut->col_parts * cut->groups + cut->groups, w->n_groups);
    for (int64_t g0 = task % cut->col_parts * cut->groups; g0 < end; g0 += LOAM_MATMUL_MAX_GROUPS) {
        int64_t groups = at_most(LOAM_MATMUL_MAX_GROUPS, end - g0), cols = groups * 16, c0 = g0 * 16;
        int64_t n = at_most(cols, w->n - c0);
        float *y = s->tile[0];
        ks->matmul(w, g0, groups, rows, stride, m, y, cols, s->kernel);
        for (int64_t i = 0; i < m; i++) {
            float *row = y + i * cols;
            if (o->in[2] >= 0)
                ks->add(row, loam_cpu_tensor(p, o->in[2])->weight->vector + c0, n, row);
            if (o->in[3] >= 0)
                ks->add(row, loam_cpu_row(p, o->in[3], r0 + i) + c0, n, row);
            if (o->in[4] >= 0)
                ks->add(row, spread_row(p, o->in[4], r0 + i, loam_conv_rows(c)) + c0, n, row);
            memcpy(loam_cpu_row(p, o->out, r0 + i) + c0, row, (size_t)n * sizeof *row);
        }
    }
}

static void run_conv(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_packed *w = &loam_cpu_tensor(p, o->in[1])->weight->packed;
    const loam_conv *c = &o->conv;
    conv_cut cut = cut_conv(p, o);
    if (is_gathered(p, o) && !is_half(p, o)) {
        run_gathered(p, o, &cut, task, s);
        return;
    }
    int64_t u0 = task / cut.col_parts * cut.units, g0 = task % cut.col_parts * cut.groups;
    int64_t groups = at_most(cut.groups, w->n_groups - g0), c0 = g0 * 16, n = at_most(groups * 16, w->n - c0);
    const float *x = loam_cpu_rows(p, o->in[0]);
    const float *bias = o->in[2] >= 0 ? loam_cpu_tensor(p, o->in[2])->weight->vector + c0 : NULL;
    int64_t x_stride = loam_cpu_stride(p, o->in[0]), y_stride = loam_cpu_stride(p, o->out);
    bool more = o->in[3] >= 0 || o->in[4] >= 0;
    if (is_half(p, o)) {
        int64_t lines = at_most(cut.units, loam_conv_rows(c) / c->ow - u0);
        ks->conv_half(c, x, loam_cpu_tensor(p, o->in[0])->row_bytes, w, u0, lines, g0, groups, bias,
                      loam_cpu_row(p, o->out, 0) + c0, y_stride, s->kernel);
        if (more)
            conv_epilogue(p, o, u0 * c->ow, lines * c->ow, c0, n);
        return;
    }
    if (!o->winograd) {
        int64_t m = at_most(cut.units, loam_conv_rows(c) - u0);
        ks->conv(c, x, x_stride, w, u0, m, g0, groups, bias, loam_cpu_row(p, o->out, u0) + c0, y_stride, s->kernel);
        if (more)
            conv_epilogue(p, o, u0, m, c0, n);
        return;
    }
    int64_t tiles = at_most(cut.units, loam_conv_tiles(c) - u0);
    ks->winograd(c, x, x_stride, w, u0, tiles, g0, groups, bias, loam_cpu_row(p, o->out, 0) + c0, y_stride, s->kernel);
    int64_t across = loam_conv_tiles_w(c), per_picture = parts(c->oh, 4) * across;
    for (int64_t t = u0; more && t < u0 + tiles; t++) {
        int64_t picture = t / per_picture, y0 = t % per_picture / across * 4, x0 = t % across * 4;
        for (int64_t y = y0; y < y0 + 4 && y < c->oh; y++)
            conv_epilogue(p, o, (picture * c->oh + y) * c->ow + x0, at_most(4, c->ow - x0), c0, n);
    }
}

static int64_t group_blocks(const loam_program *p, const loam_op *o)
{
    return parts(loam_cpu_n_rows(p, o->in[0]) / o->n, o->block_rows);
}

static void run_group_stats(const loam_program *p, const loam_op *o, int task)
{
    int64_t per = loam_cpu_n_rows(p, o->in[0]) / o->n, blocks = group_blocks(p, o);
    int64_t row = task / blocks * per + task % blocks * o->block_rows;
    int64_t m = at_most(o->block_rows, per - task % blocks * o->block_rows);
    p->device->kernels->group_stats(loam_cpu_row(p, o->in[0], row), loam_cpu_stride(p, o->in[0]), m,
                                    loam_cpu_tensor(p, o->in[0])->shape[1], o->groups,
                                    (double *)(void *)loam_cpu_row(p, o->out, task));
}

/* Per-channel factor and summand of one picture: the blocks' moments put together (Chan et al. 1983). */
static void group_factors(const loam_program *p, const loam_op *o, int64_t picture, float *mul, float *add)
{
    int64_t c = loam_cpu_tensor(p, o->out)->shape[1], per_group = c / o->groups;
    int64_t per = loam_cpu_n_rows(p, o->out) / o->n, blocks = group_blocks(p, o);
    const float *gamma = loam_cpu_tensor(p, o->in[2])->weight->vector;
    const float *beta = loam_cpu_tensor(p, o->in[3])->weight->vector;
    for (int g = 0; g < o->groups; g++) {
        double n = 0, mean = 0, m2 = 0;
        for (int64_t b = 0; b < blocks; b++) {
            const double *st = (const double *)(void *)loam_cpu_row(p, o->in[1], picture * blocks + b) + 2 * g;
            double nb = (double)(at_most(o->block_rows, per - b * o->block_rows) * per_group), d = st[0] - mean;
            mean += d * nb / (n + nb);
            m2 += st[1] + d * d * n * nb / (n + nb);
            n += nb;
        }
        double scale = 1.0 / sqrt(m2 / n + (double)o->eps);
        for (int64_t j = g * per_group; j < (g + 1) * per_group; j++) {
            mul[j] = (float)(gamma[j] * scale);
            add[j] = (float)(beta[j] - mean * gamma[j] * scale);
        }
    }
}

/* Rows of a task of GROUP_NORM: making its factors costs as much as some rows. */
static int64_t norm_part(const loam_program *p, const loam_op *o)
{
    int64_t per = loam_cpu_n_rows(p, o->out) / o->n, want = parts(per, loam_pool_size(p->device->pool) * 4);
    return want < ROW_PART ? ROW_PART : want;
}

static void run_group_norm(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    int64_t per = loam_cpu_n_rows(p, o->out) / o->n, part = norm_part(p, o), n_parts = parts(per, part);
    int64_t picture = task / n_parts, first = task % n_parts * part, m = at_most(part, per - first);
    int64_t c = loam_cpu_tensor(p, o->out)->shape[1], row = picture * per + first;
    const loam_kernels *ks = p->device->kernels;
    group_factors(p, o, picture, s->row2, s->row3);
    if (loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_F32) {
        ks->affine(loam_cpu_row(p, o->in[0], row), loam_cpu_stride(p, o->in[0]), m, c, s->row2, s->row3, o->f,
                   loam_cpu_row(p, o->out, row), loam_cpu_stride(p, o->out));
        return;
    }
    const int64_t at_once = c < AT_ONCE ? AT_ONCE / c : 1;
    float *rows = at_once > 1 ? s->tile[0] : s->row;
    for (int64_t i = row; i < row + m; i += at_once) {
        int64_t n = at_most(at_once, row + m - i);
        const char *to = (const char *)loam_cpu_row(p, o->out, i);
        for (size_t at = 0; at < (size_t)n * loam_cpu_tensor(p, o->out)->row_bytes; at += 64)
            __builtin_prefetch(to + at, 1); /* it comes while the kernel computes */
        ks->affine(loam_cpu_row(p, o->in[0], i), loam_cpu_stride(p, o->in[0]), n, c, s->row2, s->row3, o->f, rows, c);
        loam_cpu_store(p, o->out, i, n, rows, c, 0, c);
    }
}

static void run_row(const loam_program *p, const loam_op *o, int64_t row, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const int64_t c = loam_cpu_tensor(p, o->out)->shape[1], rows = loam_cpu_n_rows(p, o->out);
    const bool plain = loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_F32;
    float *y = plain ? loam_cpu_row(p, o->out, row) : s->row;
    switch (o->kind) {
    case LOAM_OP_LAYER_NORM: {
        const float *mul = o->in[1] >= 0 ? loam_cpu_tensor(p, o->in[1])->weight->vector : NULL;
        const float *add = o->in[2] >= 0 ? loam_cpu_tensor(p, o->in[2])->weight->vector : NULL;
        if (o->in[3] >= 0) {
            const float *scale = spread_row(p, o->in[3], row, rows);
            for (int64_t j = 0; j < c; j++)
                s->row2[j] = 1.0f + scale[j];
            mul = s->row2;
            add = spread_row(p, o->in[4], row, rows);
        }
        ks->layer_norm(loam_cpu_row(p, o->in[0], row), c, 1, c, o->eps, mul, add, y, c);
        break;
    }
    case LOAM_OP_UNARY:
        ks->unary(o->f, loam_cpu_row(p, o->in[0], row), c, y);
        break;
    case LOAM_OP_ADD_SPREAD:
        ks->add(loam_cpu_row(p, o->in[0], row), spread_row(p, o->in[1], row, rows), c, y);
        break;
    case LOAM_OP_MUL_ADD:
        ks->mul_add(loam_cpu_row(p, o->in[0], row), loam_cpu_row(p, o->in[1], row), spread_row(p, o->in[2], row, rows),
                    c, y);
        break;
    case LOAM_OP_CONCAT: {
        int64_t ca = loam_cpu_tensor(p, o->in[0])->shape[1];
        memcpy(y, loam_cpu_row(p, o->in[0], row), (size_t)ca * sizeof *y);
        memcpy(y + ca, loam_cpu_row(p, o->in[1], row), (size_t)(c - ca) * sizeof *y);
        break;
    }
    case LOAM_OP_STACK: {
        int64_t first = loam_cpu_n_rows(p, o->in[0]);
        memcpy(y, row < first ? loam_cpu_row(p, o->in[0], row) : loam_cpu_row(p, o->in[1], row - first),
               (size_t)c * sizeof *y);
        break;
    }
    case LOAM_OP_SLICE:
        memcpy(y, loam_cpu_row(p, o->in[0], o->row0 + row) + o->col0, (size_t)c * sizeof *y);
        break;
    case LOAM_OP_UPSAMPLE: {
        int64_t x = row % o->conv.ow, yy = row / o->conv.ow % o->conv.oh, i = row / (o->conv.ow * o->conv.oh);
        memcpy(y, loam_cpu_row(p, o->in[0], (i * o->conv.h + yy / 2) * o->conv.w + x / 2), (size_t)c * sizeof *y);
        break;
    }
    case LOAM_OP_SWAP_ROWS: {
        int64_t b = row / o->n_q % o->n_k, a = row % o->n_q, i = row / (o->n_q * o->n_k);
        memcpy(y, loam_cpu_row(p, o->in[0], (i * o->n_q + a) * o->n_k + b), (size_t)c * sizeof *y);
        break;
    }
    default:
        break;
    }
    if (!plain)
        loam_cpu_store(p, o->out, row, 1, y, c, 0, c);
}

static size_t packed_k_floats(const loam_op *o)
{
    return o->half ? loam_attend_k_half_floats(o->n_k, o->head_dim) : loam_attend_k_floats(o->n_k, o->head_dim);
}

static void run_attend_pack(const loam_program *p, const loam_op *o, int task)
{
    int64_t n_parts = parts(o->n_k, PACK_ROWS), head = task / n_parts, r0 = task % n_parts * PACK_ROWS;
    int64_t sequence = head / o->n_heads, col = head % o->n_heads * o->head_dim;
    const loam_kernels *ks = p->device->kernels;
    float *kp = loam_cpu_row(p, o->out, head);
    (o->half ? ks->attend_pack_half
             : ks->attend_pack)(loam_cpu_row(p, o->in[0], sequence * o->n_k) + col, loam_cpu_stride(p, o->in[0]),
                                loam_cpu_row(p, o->in[1], sequence * o->n_k) + col, loam_cpu_stride(p, o->in[1]), r0,
                                at_most(PACK_ROWS, o->n_k - r0), o->n_k, o->head_dim, kp, kp + packed_k_floats(o));
}

static void run_attend(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    int64_t n_parts = parts(o->n_q, LOAM_ATTEND_ROWS), head = task / n_parts, r0 = task % n_parts * LOAM_ATTEND_ROWS;
    int64_t sequence = head / o->n_heads, h = head % o->n_heads, row = sequence * o->n_q + r0;
    const float *kp = loam_cpu_row(p, o->in[1], head);
    bool plain = loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_F32;
    loam_attend_task t = {
        .q = loam_cpu_row(p, o->in[0], row) + h * o->head_dim,
        .q_stride = loam_cpu_stride(p, o->in[0]),
        .out = plain ? loam_cpu_row(p, o->out, row) + h * o->head_dim : s->tile[0],
        .out_stride = plain ? loam_cpu_stride(p, o->out) : o->head_dim,
        .k = kp,
        .v = kp + packed_k_floats(o),
        .bias = o->in[2] >= 0 ? loam_cpu_row(p, o->in[2], h * o->n_q + r0) : NULL,
        .bias_stride = o->in[2] >= 0 ? loam_cpu_stride(p, o->in[2]) : 0,
        .n_k = o->n_k,
        .n_q = (int)at_most(LOAM_ATTEND_ROWS, o->n_q - r0),
        .head_dim = o->head_dim,
        .causal = o->causal ? r0 : -1,
        .scale = o->scale,
    };
    const loam_kernels *ks = p->device->kernels;
    (o->half ? ks->attend_half : ks->attend)(&t, s->kernel);
    if (!plain)
        loam_cpu_store(p, o->out, row, t.n_q, s->tile[0], o->head_dim, h * o->head_dim, o->head_dim);
}

int loam_cpu_picture_tasks(const loam_program *p, const loam_op *o)
{
    int64_t rows = loam_cpu_n_rows(p, o->out);
    switch (o->kind) {
    case LOAM_OP_CONV: {
        conv_cut c = cut_conv(p, o);
        return (int)(c.unit_parts * c.col_parts);
    }
    case LOAM_OP_GROUP_STATS:
        return (int)rows;
    case LOAM_OP_GROUP_NORM:
        return (int)(o->n * parts(rows / o->n, norm_part(p, o)));
    case LOAM_OP_ATTEND_PACK:
        return (int)(rows * parts(o->n_k, PACK_ROWS));
    case LOAM_OP_ATTEND:
        return (int)(o->n * o->n_heads * parts(o->n_q, LOAM_ATTEND_ROWS));
    default:
        return (int)parts(rows, ROW_PART);
    }
}

void loam_cpu_picture_run(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    switch (o->kind) {
    case LOAM_OP_CONV:
        run_conv(p, o, task, s);
        return;
    case LOAM_OP_GROUP_STATS:
        run_group_stats(p, o, task);
        return;
    case LOAM_OP_GROUP_NORM:
        run_group_norm(p, o, task, s);
        return;
    case LOAM_OP_ATTEND_PACK:
        run_attend_pack(p, o, task);
        return;
    case LOAM_OP_ATTEND:
        run_attend(p, o, task, s);
        return;
    default: {
        int64_t rows = loam_cpu_n_rows(p, o->out), first = (int64_t)task * ROW_PART;
        for (int64_t row = first; row < first + ROW_PART && row < rows; row++)
            run_row(p, o, row, s);
    }
    }
}
