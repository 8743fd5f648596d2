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

/* Stores m rows of columns [c0, c0 + n) of tensor id in its layout; c0 and n are multiples of 32 when it is Q8. */
static void store(const loam_program *p, int id, int64_t row0, int64_t m, const float *x, int64_t x_stride, int64_t c0,
                  int64_t n)
{
    const loam_tensor *t = tensor(p, id);
    const loam_kernels *ks = p->device->kernels;
    uint8_t *dst = p->arena + t->offset + (size_t)row0 * t->row_bytes;
    if (t->layout == LOAM_ACT_Q8)
        ks->quantize_q8(x, x_stride, m, n, dst + (size_t)(c0 / 32) * sizeof(loam_act_block), t->row_bytes);
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

static void run_gated(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s)
{
    const loam_kernels *ks = p->device->kernels;
    const loam_tensor *x = tensor(p, o->in[0]);
    const loam_packed *w[2] = {&tensor(p, o->in[1])->weight->packed, &tensor(p, o->in[2])->weight->packed};
    int64_t m = n_rows(p, o->out), per = groups_per_task(p, w[0]->n_groups, m), g0 = task * per;
    int64_t ng = w[0]->n_groups - g0 < per ? w[0]->n_groups - g0 : per, c0 = g0 * 16, ld = ng * 16;
    int64_t n = w[0]->n - c0 < ld ? w[0]->n - c0 : ld;
    for (int i = 0; i < 2; i++)
        ks->matmul(w[i], g0, ng, rows_of(p, o->in[0]), x->row_bytes, m, s->tile[i], ld, s->kernel);
    ks->swiglu(s->tile[0], s->tile[1], m * ld, s->tile[0]);
    store(p, o->out, 0, m, s->tile[0], ld, c0, n);
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
        int64_t n_groups = tensor(p, o->in[1])->weight->packed.n_groups, per = groups_per_task(p, n_groups, m);
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
