/* One operation of a step, cut into tasks over rows, columns or heads: never over a summed dimension. */
#include <math.h>
#include <string.h>

#include "device/cpu_int.h"

enum { ROWS_PER_TASK = 8 };

void loam_cpu_store(const loam_program *p, int id, int64_t row0, int64_t m, const float *x, int64_t x_stride,
                    int64_t c0, int64_t n)
{
    const loam_tensor *t = loam_cpu_tensor(p, id);
    const loam_kernels *ks = p->device->kernels;
    uint8_t *dst = p->arena + t->offset + (size_t)row0 * t->row_bytes;
    if (t->layout == LOAM_ACT_Q8)
        ks->quantize_q8(x, x_stride, m, n, dst + (size_t)(c0 / 32) * sizeof(loam_act_block), t->row_bytes);
    else if (t->layout == LOAM_ACT_Q8K)
        ks->quantize_q8k(x, x_stride, m, n, dst + (size_t)(c0 / 32) * sizeof(loam_act_block), t->row_bytes);
    else if (t->layout == LOAM_ACT_BF16)
        ks->to_bf16(x, x_stride, m, n, dst + (size_t)c0 * 2, t->row_bytes);
    else
        for (int64_t i = 0; i < m; i++)
            memcpy(dst + (size_t)i * t->row_bytes + (size_t)c0 * 4, x + i * x_stride, (size_t)n * 4);
}

/* Column groups in one task of a product: two for many rows (their results stay in the cache for the epilogue), more
 * for few, so that drawing a task costs little beside doing it. Always whole blocks of 32 columns. */
static int64_t groups_per_task(const loam_program *p, int64_t n_groups, int64_t m)
{
    if (m > 16)
        return 2;
    int64_t share = n_groups / (loam_pool_size(p->device->pool) * 8);
    share = share / 2 * 2;
    return share < 2 ? 2 : share > LOAM_MATMUL_MAX_GROUPS ? LOAM_MATMUL_MAX_GROUPS : share;
}

/* A task's part of a product. */
typedef struct part {
    int64_t row0, rows, g0, groups;
    int64_t c0, cols; /* columns below the matrix' n */
} part;

/* Whether a product is done by the convolution kernel with 1 × 1 taps: many rows of f32, in blocks of rows and k. */
static bool by_conv(const loam_program *p, const loam_op *o)
{
    const loam_tensor *out = loam_cpu_tensor(p, o->out);
    loam_act act = loam_kernels_act(p->device->kernels, loam_cpu_tensor(p, o->in[1])->dtype);
    return out->shape[0] > 16 && act == LOAM_ACT_F32;
}

/* Column groups in one task of a product that is cut by rows too: up to `most`, since each task reads its rows anew
 * (which costs about as much as a group), but so that no thread is left alone at the end. Whole blocks of 32 columns.
 */
static int64_t even_groups(const loam_program *p, int64_t n_groups, int64_t row_parts, int64_t most)
{
    const int64_t threads = loam_pool_size(p->device->pool);
    int64_t best = 2, least = INT64_MAX;
    for (int64_t groups = most; groups >= 2; groups /= 2) {
        int64_t col_parts = (n_groups + groups - 1) / groups;
        int64_t even = ((n_groups + col_parts - 1) / col_parts + 1) / 2 * 2;
        col_parts = (n_groups + even - 1) / even;
        int64_t rounds = (row_parts * col_parts + threads - 1) / threads, time = rounds * (even + 1);
        if (time < least)
            best = even, least = time;
    }
    return best;
}

/* Tasks of a product over rows and columns, and the part of one of them (task < 0: just the number). Steps of open size
 * are not cut by rows: their weights would be read once more by each part. */
static int cut_product(const loam_program *p, const loam_op *o, int64_t n_inputs, int task, part *out)
{
    enum { INTEGER_ROWS = 384 };
    const loam_packed *w = &loam_cpu_tensor(p, o->in[1])->weight->packed;
    int64_t m = loam_cpu_n_rows(p, o->out), rows = m, groups = groups_per_task(p, w->n_groups, m);
    if (m == 0) /* a step that wants no logits */
        return 0;
    if (by_conv(p, o)) {
        rows = LOAM_CONV_TASK_ROWS;
        groups = even_groups(p, w->n_groups, (m + rows - 1) / rows, LOAM_CONV_TASK_GROUPS / n_inputs);
    } else if (loam_cpu_tensor(p, o->out)->shape[0] > INTEGER_ROWS) {
        rows = INTEGER_ROWS;
        if (p->device->kernels->amx && w->dtype == LOAM_DTYPE_BF16) /* so fast that reading the rows counts */
            groups = even_groups(p, w->n_groups, (m + rows - 1) / rows, LOAM_MATMUL_MAX_GROUPS);
    }
    int64_t row_parts = (m + rows - 1) / rows, col_parts = (w->n_groups + groups - 1) / groups;
    if (task >= 0) {
        part t = {.row0 = task / col_parts * rows, .g0 = task % col_parts * groups};
        t.rows = m - t.row0 < rows ? m - t.row0 : rows;
        t.groups = w->n_groups - t.g0 < groups ? w->n_groups - t.g0 : groups;
        t.c0 = t.g0 * 16;
        t.cols = w->n - t.c0 < t.groups * 16 ? w->n - t.c0 : t.groups * 16;
        *out = t;
    }
    return (int)(row_parts * col_parts);
}

/* x · Wᵀ (+ bias) of a part, y with y_stride. Without whole_groups only columns below n may be written. */
static void product(const loam_program *p, const loam_op *o, int weight, int bias, const part *t, float *y,
                    int64_t y_stride, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_tensor *x = loam_cpu_tensor(p, o->in[0]);
    const loam_packed *w = &loam_cpu_tensor(p, weight)->weight->packed;
    const float *b = bias >= 0 ? loam_cpu_tensor(p, bias)->weight->vector + t->c0 : NULL;
    if (by_conv(p, o)) {
        int64_t m = loam_cpu_n_rows(p, o->out);
        loam_conv c = {.n = 1,
                       .f = 1,
                       .h = 1,
                       .w = m,
                       .c = w->k,
                       .of = 1,
                       .oh = 1,
                       .ow = m,
                       .kt = 1,
                       .kh = 1,
                       .kw = 1,
                       .stride_t = 1,
                       .stride = 1};
        ks->conv(&c, loam_cpu_rows(p, o->in[0]), loam_cpu_stride(p, o->in[0]), w, t->row0, t->rows, t->g0, t->groups, b,
                 y, y_stride, s->kernel);
        return;
    }
    const uint8_t *rows = (const uint8_t *)loam_cpu_rows(p, o->in[0]) + (size_t)t->row0 * x->row_bytes;
    ks->matmul(w, t->g0, t->groups, rows, x->row_bytes, t->rows, y, y_stride, s->kernel);
    for (int64_t i = 0; b && i < t->rows; i++)
        ks->add(y + i * y_stride, b, t->cols, y + i * y_stride);
}

static void run_matmul(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    const loam_tensor *out = loam_cpu_tensor(p, o->out);
    part t;
    cut_product(p, o, 1, task, &t);
    int64_t stride = t.groups * 16;
    if (o->in[3] < 0 && out->layout == LOAM_ACT_F32 && (t.cols == stride || by_conv(p, o))) {
        product(p, o, o->in[1], o->in[2], &t, loam_cpu_row(p, o->out, t.row0) + t.c0, loam_cpu_stride(p, o->out), s);
        return;
    }
    float *y = s->tile[0];
    product(p, o, o->in[1], o->in[2], &t, y, stride, s);
    for (int64_t i = 0; o->in[3] >= 0 && i < t.rows; i++)
        p->device->kernels->add(y + i * stride, loam_cpu_row(p, o->in[3], t.row0 + i) + t.c0, t.cols, y + i * stride);
    loam_cpu_store(p, o->out, t.row0, t.rows, y, stride, t.c0, t.cols);
}

/* f(gate)·up of a part, in s->tile[0], groups·16 columns a row. */
static void gated_tile(const loam_program *p, const loam_op *o, const part *t, const loam_cpu_scratch *s)
{
    for (int i = 0; i < 2; i++)
        product(p, o, o->in[1 + i], o->in[3 + i], t, s->tile[i], t->groups * 16, s);
    p->device->kernels->gate(o->f, s->tile[0], s->tile[1], t->rows * t->groups * 16, s->tile[0]);
}

static void run_gated(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    part t;
    cut_product(p, o, 2, task, &t);
    gated_tile(p, o, &t, s);
    loam_cpu_store(p, o->out, t.row0, t.rows, s->tile[0], t.groups * 16, t.c0, t.cols);
}

/* How GATED is cut when its result is Q8K, whose scales belong to 256 columns. Many rows: a task has a super-block of
 * columns, and where that makes too few tasks for the threads, a part of the rows. Few rows: as many tasks as for other
 * results, which meet at the end of a super-block (cpu_int.h). */
enum { SUPER_COLS = 256, SUPER_GROUPS = 16, TILE_GROUPS = 2, TILE_ROWS = 6, PART_ROWS = 24 };
typedef struct super_cut {
    int64_t groups;  /* of a task */
    int64_t rows;    /* of a task */
    int64_t n_parts; /* of the rows */
} super_cut;

static super_cut cut_super(const loam_program *p, const loam_op *o, int64_t n_groups, int64_t m)
{
    super_cut c = {.groups = 2, .rows = m, .n_parts = 1};
    if (m <= LOAM_CPU_MEETING_ROWS) {
        for (int64_t most = groups_per_task(p, n_groups, m); c.groups * 2 <= most;)
            c.groups *= 2;
        return c;
    }
    int64_t n_supers = n_groups / SUPER_GROUPS, n_parts = loam_pool_size(p->device->pool) * 4 / n_supers + 1;
    if (loam_cpu_tensor(p, o->out)->shape[0] > 0 &&
        n_parts < m / LOAM_CONV_TASK_ROWS) /* what the scratch has room for */
        n_parts = m / LOAM_CONV_TASK_ROWS;
    n_parts = n_parts > m / PART_ROWS ? m / PART_ROWS : n_parts; /* each part unpacks the weights anew */
    c.groups = SUPER_GROUPS;
    c.rows = (m / n_parts + TILE_ROWS) / TILE_ROWS * TILE_ROWS;
    c.n_parts = (m + c.rows - 1) / c.rows;
    return c;
}

static void run_gated_super(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    int64_t n_groups = loam_cpu_tensor(p, o->in[1])->weight->packed.n_groups, m = loam_cpu_n_rows(p, o->out),
            n = n_groups * 16;
    super_cut c = cut_super(p, o, n_groups, m);
    if (m > LOAM_CPU_MEETING_ROWS) { /* two groups at a time: their products stay in the cache for SwiGLU */
        int64_t super = task / c.n_parts, row0 = task % c.n_parts * c.rows;
        int64_t rows = m - row0 < c.rows ? m - row0 : c.rows;
        for (int64_t g = 0; g < SUPER_GROUPS; g += TILE_GROUPS) {
            int64_t g0 = super * SUPER_GROUPS + g;
            gated_tile(p, o, &(part){row0, rows, g0, TILE_GROUPS, g0 * 16, 32}, s);
            for (int64_t i = 0; i < rows; i++)
                memcpy(s->super + i * SUPER_COLS + g * 16, s->tile[0] + i * 32, 32 * sizeof(float));
        }
        loam_cpu_store(p, o->out, row0, rows, s->super, SUPER_COLS, super * SUPER_COLS, SUPER_COLS);
        return;
    }
    int64_t g0 = task * c.groups, cols = c.groups * 16, super = g0 / SUPER_GROUPS;
    gated_tile(p, o, &(part){0, m, g0, c.groups, g0 * 16, cols}, s);
    if (c.groups == SUPER_GROUPS) {
        loam_cpu_store(p, o->out, 0, m, s->tile[0], SUPER_COLS, super * SUPER_COLS, SUPER_COLS);
        return;
    }
    const struct loam_op_meeting *meeting = &p->meetings[o - p->plan->ops];
    for (int64_t i = 0; i < m; i++)
        memcpy(meeting->rows + i * n + g0 * 16, s->tile[0] + i * cols, (size_t)cols * sizeof(float));
    uint32_t groups = (uint32_t)c.groups;
    uint32_t done = atomic_fetch_add_explicit(&meeting->done[super], groups, memory_order_acq_rel) + groups;
    if (done % SUPER_GROUPS == 0)
        loam_cpu_store(p, o->out, 0, m, meeting->rows + super * SUPER_COLS, n, super * SUPER_COLS, SUPER_COLS);
}

static void run_rows(const loam_program *p, const loam_op *o, int64_t row, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_step *st = &p->step;
    switch (o->kind) {
    case LOAM_OP_EMBED: {
        const loam_weight *w = loam_cpu_tensor(p, o->in[1])->weight;
        const char *src = (const char *)w->rows + (size_t)(o->by_position ? st->positions : st->tokens)[row] *
                                                      loam_dtype_row_bytes(w->dtype, w->k);
        loam_dequantize(w->dtype, src, loam_cpu_row(p, o->out, row), w->k);
        break;
    }
    case LOAM_OP_RMS_NORM: {
        const loam_weight *w = loam_cpu_tensor(p, o->in[1])->weight;
        int64_t cols = loam_cpu_tensor(p, o->out)->shape[1], n = w->k;
        bool plain = loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_F32;
        float *y = plain ? loam_cpu_row(p, o->out, row) : s->row;
        ks->rms_norm(loam_cpu_row(p, o->in[0], row), n, w->vector, o->eps, cols / n, n, y, n);
        if (!plain)
            loam_cpu_store(p, o->out, row, 1, y, cols, 0, cols);
        break;
    }
    case LOAM_OP_ADD:
        ks->add(loam_cpu_row(p, o->in[0], row), loam_cpu_row(p, o->in[1], row), loam_cpu_tensor(p, o->out)->shape[1],
                loam_cpu_row(p, o->out, row));
        break;
    case LOAM_OP_GATE: {
        int64_t cols = loam_cpu_tensor(p, o->out)->shape[1];
        ks->gate(o->f, loam_cpu_row(p, o->in[0], row), loam_cpu_row(p, o->in[1], row), cols, s->row);
        loam_cpu_store(p, o->out, row, 1, s->row, cols, 0, cols);
        break;
    }
    case LOAM_OP_GATHER:
        memcpy(loam_cpu_row(p, o->out, row), loam_cpu_row(p, o->in[0], st->output_rows[row]),
               (size_t)loam_cpu_tensor(p, o->out)->shape[1] * 4);
        break;
    case LOAM_OP_CONVERT:
        loam_cpu_store(p, o->out, row, 1, loam_cpu_row(p, o->in[0], row), 0, 0, loam_cpu_tensor(p, o->out)->shape[1]);
        break;
    case LOAM_OP_ROPE_TABLE: {
        const double *freqs = p->rope_freqs[o - p->plan->ops], amplitude = freqs[o->n_rot / 2];
        float *cs = loam_cpu_row(p, o->out, row), *sn = cs + o->n_rot;
        for (int i = 0; i < o->n_rot / 2; i++) {
            double angle = freqs[i] * st->positions[row];
            float c = (float)(cos(angle) * amplitude), sine = (float)(sin(angle) * amplitude);
            int a = o->neox ? i : 2 * i, b = o->neox ? i + o->n_rot / 2 : 2 * i + 1;
            cs[a] = cs[b] = c;
            sn[a] = -sine;
            sn[b] = sine;
        }
        break;
    }
    case LOAM_OP_ROPE: {
        int64_t n_table = loam_cpu_n_rows(p, o->in[1]); /* fewer than rows: the sequences of a batch share it */
        const float *table = loam_cpu_row(p, o->in[1], row % n_table);
        ks->rope(loam_cpu_row(p, o->in[0], row), o->n_heads, o->head_dim, o->n_rot, o->neox, table, table + o->n_rot);
        break;
    }
    default:
        break;
    }
}

/* One span × one KV head. */
static void run_kv_write(const loam_program *p, const loam_op *o, int task)
{
    const loam_step_span *sp = &p->step.spans[task / o->n_kv_heads];
    const int h = task % o->n_kv_heads;
    const loam_kv *kv = loam_cpu_tensor(p, o->in[2])->kv;
    for (int i = 0; i < sp->n_rows; i++)
        p->device->kernels->kv_write(loam_cpu_row(p, o->in[0], sp->first_row + i) + h * o->head_dim,
                                     loam_cpu_row(p, o->in[1], sp->first_row + i) + h * o->head_dim, o->head_dim,
                                     sp->pos + i, kv_k(kv, sp->seq, h), kv_v(kv, sp->seq, h));
}

/* Tokens in one attention task of a span; single tokens are cut by heads instead, when there are few of them. */
static int tokens_per_task(const loam_op *o)
{
    int t = LOAM_ATTENTION_MAX_ROWS / (o->n_heads / o->n_kv_heads);
    return t < 16 ? t : 16;
}

static int span_tasks(const loam_op *o, const loam_step_span *sp)
{
    int per = tokens_per_task(o);
    return (sp->n_rows + per - 1) / per * o->n_kv_heads;
}

static void run_attention(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    const loam_kv *kv = loam_cpu_tensor(p, o->in[1])->kv;
    const loam_step_span *sp = p->step.spans;
    int group = o->n_heads / o->n_kv_heads, per = tokens_per_task(o);
    while (task >= span_tasks(o, sp))
        task -= span_tasks(o, sp++);
    task = span_tasks(o, sp) - 1 - task; /* the longest, that is the last tokens, first */
    int first = task / o->n_kv_heads * per, h = task % o->n_kv_heads;
    int n = sp->n_rows - first < per ? sp->n_rows - first : per;
    int64_t cols = (int64_t)group * o->head_dim, row = sp->first_row + first;
    bool plain = loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_F32;
    loam_attention_task t = {
        .q = loam_cpu_row(p, o->in[0], row) + h * cols,
        .q_stride = loam_cpu_stride(p, o->in[0]),
        .out = plain ? loam_cpu_row(p, o->out, row) + h * cols : s->tile[0],
        .out_stride = plain ? loam_cpu_stride(p, o->out) : cols,
        .k = kv_k(kv, sp->seq, h),
        .v = kv_v(kv, sp->seq, h),
        .n_tokens = n,
        .n_heads = group,
        .head_dim = o->head_dim,
        .pos = sp->pos + first,
        .window = o->window,
        .scale = o->scale,
    };
    p->device->kernels->attention(&t, s->kernel);
    if (!plain)
        loam_cpu_store(p, o->out, row, n, s->tile[0], cols, h * cols, cols);
}

int loam_cpu_op_tasks(const loam_program *p, const loam_op *o)
{
    int64_t m = o->out >= 0 ? loam_cpu_n_rows(p, o->out) : p->step.n_tokens;
    if (loam_cpu_is_picture(o))
        return loam_cpu_picture_tasks(p, o);
    switch (o->kind) {
    case LOAM_OP_MATMUL:
    case LOAM_OP_GATED: {
        int64_t n_groups = loam_cpu_tensor(p, o->in[1])->weight->packed.n_groups;
        if (o->kind == LOAM_OP_GATED && m && loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_Q8K) {
            super_cut c = cut_super(p, o, n_groups, m);
            return (int)(n_groups / c.groups * c.n_parts);
        }
        return cut_product(p, o, o->kind == LOAM_OP_GATED ? 2 : 1, -1, NULL);
    }
    case LOAM_OP_KV_WRITE:
        return p->step.n_spans * o->n_kv_heads;
    case LOAM_OP_ATTENTION: {
        int n = 0;
        for (int i = 0; i < p->step.n_spans; i++)
            n += span_tasks(o, &p->step.spans[i]);
        return n;
    }
    default:
        return (int)((m + ROWS_PER_TASK - 1) / ROWS_PER_TASK);
    }
}

void loam_cpu_op_run(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    if (loam_cpu_is_picture(o)) {
        loam_cpu_picture_run(p, o, task, s);
        return;
    }
    switch (o->kind) {
    case LOAM_OP_MATMUL:
        run_matmul(p, o, task, s);
        return;
    case LOAM_OP_GATED:
        if (loam_cpu_tensor(p, o->out)->layout == LOAM_ACT_Q8K)
            run_gated_super(p, o, task, s);
        else
            run_gated(p, o, task, s);
        return;
    case LOAM_OP_KV_WRITE:
        run_kv_write(p, o, task);
        return;
    case LOAM_OP_ATTENTION:
        run_attention(p, o, task, s);
        return;
    default: {
        int64_t m = loam_cpu_n_rows(p, o->out), first = (int64_t)task * ROWS_PER_TASK;
        for (int64_t row = first; row < first + ROWS_PER_TASK && row < m; row++)
            run_rows(p, o, row, s);
    }
    }
}
