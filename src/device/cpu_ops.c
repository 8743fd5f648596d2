/* One operation of a step, cut into tasks over rows, columns or heads: never over a summed dimension. */
#include <math.h>
#include <string.h>

#include "device/cpu_int.h"

enum { ROWS_PER_TASK = 8 };

static const loam_tensor *tensor(const loam_program *p, int id)
{
    return &p->plan->tensors[id];
}

static void *rows_of(const loam_program *p, int id)
{
    return p->arena + tensor(p, id)->offset;
}

static float *f32_row(const loam_program *p, int id, int64_t row)
{
    return (float *)(p->arena + tensor(p, id)->offset + (size_t)row * tensor(p, id)->row_bytes);
}

static int64_t f32_stride(const loam_program *p, int id)
{
    return (int64_t)(tensor(p, id)->row_bytes / sizeof(float));
}

static int64_t n_rows(const loam_program *p, int id)
{
    return tensor(p, id)->shape[0] == LOAM_DIM_OUTPUTS ? p->step.n_outputs : p->step.n_tokens;
}

/* Stores m rows of columns [c0, c0 + n) of tensor id in its layout; c0 and n are multiples of 32 when it is Q8, of 256
 * when it is Q8K. */
static void store(const loam_program *p, int id, int64_t row0, int64_t m, const float *x, int64_t x_stride, int64_t c0,
                  int64_t n)
{
    const loam_tensor *t = tensor(p, id);
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

static void run_matmul(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_tensor *x = tensor(p, o->in[0]), *out = tensor(p, o->out);
    const loam_packed *w = &tensor(p, o->in[1])->weight->packed;
    int64_t m = n_rows(p, o->out), per = groups_per_task(p, w->n_groups, m), g0 = task * per;
    int64_t ng = w->n_groups - g0 < per ? w->n_groups - g0 : per, c0 = g0 * 16;
    int64_t n = w->n - c0 < ng * 16 ? w->n - c0 : ng * 16;
    const float *bias = o->in[2] >= 0 ? tensor(p, o->in[2])->weight->vector + c0 : NULL;
    if (!bias && o->in[3] < 0 && n == ng * 16 && out->layout == LOAM_ACT_F32) {
        ks->matmul(w, g0, ng, rows_of(p, o->in[0]), x->row_bytes, m, f32_row(p, o->out, 0) + c0, f32_stride(p, o->out),
                   s->kernel);
        return;
    }
    float *y = s->tile[0];
    ks->matmul(w, g0, ng, rows_of(p, o->in[0]), x->row_bytes, m, y, ng * 16, s->kernel);
    for (int64_t i = 0; i < m; i++) {
        float *row = y + i * ng * 16;
        if (bias)
            ks->add(row, bias, n, row);
        if (o->in[3] >= 0)
            ks->add(row, f32_row(p, o->in[3], i) + c0, n, row);
    }
    store(p, o->out, 0, m, y, ng * 16, c0, n);
}

/* silu(gate)·up for m rows from row0 on and ng groups, in s->tile[0], ng·16 columns a row. */
static void gated_tile(const loam_program *p, const loam_op *o, int64_t row0, int64_t m, int64_t g0, int64_t ng,
                       const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_tensor *x = tensor(p, o->in[0]);
    const uint8_t *rows = (const uint8_t *)rows_of(p, o->in[0]) + (size_t)row0 * x->row_bytes;
    for (int i = 0; i < 2; i++)
        ks->matmul(&tensor(p, o->in[1 + i])->weight->packed, g0, ng, rows, x->row_bytes, m, s->tile[i], ng * 16,
                   s->kernel);
    ks->swiglu(s->tile[0], s->tile[1], m * ng * 16, s->tile[0]);
}

static void run_gated(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    const loam_packed *w = &tensor(p, o->in[1])->weight->packed;
    int64_t m = n_rows(p, o->out), per = groups_per_task(p, w->n_groups, m), g0 = task * per;
    int64_t ng = w->n_groups - g0 < per ? w->n_groups - g0 : per, c0 = g0 * 16;
    int64_t n = w->n - c0 < ng * 16 ? w->n - c0 : ng * 16;
    gated_tile(p, o, 0, m, g0, ng, s);
    store(p, o->out, 0, m, s->tile[0], ng * 16, c0, n);
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

static super_cut cut_super(const loam_program *p, int64_t n_groups, int64_t m)
{
    super_cut c = {.groups = 2, .rows = m, .n_parts = 1};
    if (m <= LOAM_CPU_MEETING_ROWS) {
        for (int64_t most = groups_per_task(p, n_groups, m); c.groups * 2 <= most;)
            c.groups *= 2;
        return c;
    }
    int64_t n_supers = n_groups / SUPER_GROUPS, n_parts = loam_pool_size(p->device->pool) * 4 / n_supers + 1;
    n_parts = n_parts > m / PART_ROWS ? m / PART_ROWS : n_parts; /* each part unpacks the weights anew */
    c.groups = SUPER_GROUPS;
    c.rows = (m / n_parts + TILE_ROWS) / TILE_ROWS * TILE_ROWS;
    c.n_parts = (m + c.rows - 1) / c.rows;
    return c;
}

static void run_gated_super(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    int64_t n_groups = tensor(p, o->in[1])->weight->packed.n_groups, m = n_rows(p, o->out), n = n_groups * 16;
    super_cut c = cut_super(p, n_groups, m);
    if (m > LOAM_CPU_MEETING_ROWS) { /* two groups at a time: their products stay in the cache for SwiGLU */
        int64_t super = task / c.n_parts, row0 = task % c.n_parts * c.rows;
        int64_t rows = m - row0 < c.rows ? m - row0 : c.rows;
        for (int64_t g = 0; g < SUPER_GROUPS; g += TILE_GROUPS) {
            gated_tile(p, o, row0, rows, super * SUPER_GROUPS + g, TILE_GROUPS, s);
            for (int64_t i = 0; i < rows; i++)
                memcpy(s->super + i * SUPER_COLS + g * 16, s->tile[0] + i * 32, 32 * sizeof(float));
        }
        store(p, o->out, row0, rows, s->super, SUPER_COLS, super * SUPER_COLS, SUPER_COLS);
        return;
    }
    int64_t g0 = task * c.groups, cols = c.groups * 16, super = g0 / SUPER_GROUPS;
    gated_tile(p, o, 0, m, g0, c.groups, s);
    if (c.groups == SUPER_GROUPS) {
        store(p, o->out, 0, m, s->tile[0], SUPER_COLS, super * SUPER_COLS, SUPER_COLS);
        return;
    }
    const struct loam_op_meeting *meeting = &p->meetings[o - p->plan->ops];
    for (int64_t i = 0; i < m; i++)
        memcpy(meeting->rows + i * n + g0 * 16, s->tile[0] + i * cols, (size_t)cols * sizeof(float));
    uint32_t groups = (uint32_t)c.groups;
    uint32_t done = atomic_fetch_add_explicit(&meeting->done[super], groups, memory_order_acq_rel) + groups;
    if (done % SUPER_GROUPS == 0)
        store(p, o->out, 0, m, meeting->rows + super * SUPER_COLS, n, super * SUPER_COLS, SUPER_COLS);
}

static void run_rows(const loam_program *p, const loam_op *o, int64_t row, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_step *st = &p->step;
    switch (o->kind) {
    case LOAM_OP_EMBED: {
        const loam_weight *w = tensor(p, o->in[1])->weight;
        const char *src = (const char *)w->rows + (size_t)st->tokens[row] * loam_dtype_row_bytes(w->dtype, w->k);
        loam_dequantize(w->dtype, src, f32_row(p, o->out, row), w->k);
        break;
    }
    case LOAM_OP_RMS_NORM: {
        const loam_weight *w = tensor(p, o->in[1])->weight;
        int64_t cols = tensor(p, o->out)->shape[1], n = w->k;
        bool plain = tensor(p, o->out)->layout == LOAM_ACT_F32;
        float *y = plain ? f32_row(p, o->out, row) : s->row;
        ks->rms_norm(f32_row(p, o->in[0], row), n, w->vector, o->eps, cols / n, n, y, n);
        if (!plain)
            store(p, o->out, row, 1, y, cols, 0, cols);
        break;
    }
    case LOAM_OP_ADD:
        ks->add(f32_row(p, o->in[0], row), f32_row(p, o->in[1], row), tensor(p, o->out)->shape[1],
                f32_row(p, o->out, row));
        break;
    case LOAM_OP_SWIGLU: {
        int64_t cols = tensor(p, o->out)->shape[1];
        ks->swiglu(f32_row(p, o->in[0], row), f32_row(p, o->in[1], row), cols, s->row);
        store(p, o->out, row, 1, s->row, cols, 0, cols);
        break;
    }
    case LOAM_OP_GATHER:
        memcpy(f32_row(p, o->out, row), f32_row(p, o->in[0], st->output_rows[row]),
               (size_t)tensor(p, o->out)->shape[1] * 4);
        break;
    case LOAM_OP_CONVERT:
        store(p, o->out, row, 1, f32_row(p, o->in[0], row), 0, 0, tensor(p, o->out)->shape[1]);
        break;
    case LOAM_OP_ROPE_TABLE: {
        const double *freqs = p->rope_freqs[o - p->plan->ops], amplitude = freqs[o->n_rot / 2];
        float *cs = f32_row(p, o->out, row), *sn = cs + o->n_rot;
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
        const float *table = f32_row(p, o->in[1], row);
        ks->rope(f32_row(p, o->in[0], row), o->n_heads, o->head_dim, o->n_rot, o->neox, table, table + o->n_rot);
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
    const loam_kv *kv = tensor(p, o->in[2])->kv;
    for (int i = 0; i < sp->n_rows; i++)
        p->device->kernels->kv_write(f32_row(p, o->in[0], sp->first_row + i) + h * o->head_dim,
                                     f32_row(p, o->in[1], sp->first_row + i) + h * o->head_dim, o->head_dim,
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
    const loam_kv *kv = tensor(p, o->in[1])->kv;
    const loam_step_span *sp = p->step.spans;
    int group = o->n_heads / o->n_kv_heads, per = tokens_per_task(o);
    while (task >= span_tasks(o, sp))
        task -= span_tasks(o, sp++);
    task = span_tasks(o, sp) - 1 - task; /* the longest, that is the last tokens, first */
    int first = task / o->n_kv_heads * per, h = task % o->n_kv_heads;
    int n = sp->n_rows - first < per ? sp->n_rows - first : per;
    int64_t cols = (int64_t)group * o->head_dim, row = sp->first_row + first;
    bool plain = tensor(p, o->out)->layout == LOAM_ACT_F32;
    loam_attention_task t = {
        .q = f32_row(p, o->in[0], row) + h * cols,
        .q_stride = f32_stride(p, o->in[0]),
        .out = plain ? f32_row(p, o->out, row) + h * cols : s->tile[0],
        .out_stride = plain ? f32_stride(p, o->out) : cols,
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
        store(p, o->out, row, n, s->tile[0], cols, h * cols, cols);
}

int loam_cpu_op_tasks(const loam_program *p, const loam_op *o)
{
    int64_t m = o->out >= 0 ? n_rows(p, o->out) : p->step.n_tokens;
    switch (o->kind) {
    case LOAM_OP_MATMUL:
    case LOAM_OP_GATED: {
        int64_t n_groups = tensor(p, o->in[1])->weight->packed.n_groups;
        if (o->kind == LOAM_OP_GATED && m && tensor(p, o->out)->layout == LOAM_ACT_Q8K) {
            super_cut c = cut_super(p, n_groups, m);
            return (int)(n_groups / c.groups * c.n_parts);
        }
        int64_t per = groups_per_task(p, n_groups, m);
        return m ? (int)((n_groups + per - 1) / per) : 0;
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
    switch (o->kind) {
    case LOAM_OP_MATMUL:
        run_matmul(p, o, task, s);
        return;
    case LOAM_OP_GATED:
        if (tensor(p, o->out)->layout == LOAM_ACT_Q8K)
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
        int64_t m = n_rows(p, o->out), first = (int64_t)task * ROWS_PER_TASK;
        for (int64_t row = first; row < first + ROWS_PER_TASK && row < m; row++)
            run_rows(p, o, row, s);
    }
    }
}
