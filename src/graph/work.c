#include "graph/work.h"

#include <stdio.h>

static double rows_of(const loam_tensor *t, const loam_step *s)
{
    return (double)(t->shape[0] == LOAM_DIM_TOKENS    ? s->n_tokens
                    : t->shape[0] == LOAM_DIM_OUTPUTS ? s->n_outputs
                                                      : t->shape[0]);
}

/* All of a tensor as it is stored. A KV cache counts with the operation that reads it. */
static double bytes_of(const loam_plan *p, const loam_step *s, int id)
{
    if (id < 0)
        return 0;
    const loam_tensor *t = &p->tensors[id];
    if (t->kind == LOAM_TENSOR_STATE)
        return 0;
    if (t->kind == LOAM_TENSOR_WEIGHT && t->n_dims == 2)
        return (double)t->shape[0] * (double)loam_dtype_row_bytes(t->dtype, t->shape[1]);
    if (t->n_dims == 1) /* vectors; tokens and positions */
        return rows_of(t, s) * 4;
    return rows_of(t, s) * (double)t->row_bytes;
}

/* Positions that the rows of an operation over a KV cache see, added up; and the distinct ones. */
static double seen(const loam_op *o, const loam_step *s, double *distinct)
{
    double sum = 0;
    *distinct = 0;
    for (int i = 0; i < s->n_spans; i++) {
        const loam_step_span *span = &s->spans[i];
        for (int r = 0; r < span->n_rows; r++) {
            int n = span->pos + r + 1;
            sum += o->window > 0 && n > o->window ? o->window : n;
        }
        int end = span->pos + span->n_rows, most = o->window > 0 ? o->window + span->n_rows - 1 : end;
        *distinct += end < most ? end : most;
    }
    return sum;
}

static double pairs(const loam_op *o)
{
    double q = (double)o->n_q, k = (double)o->n_k;
    return (double)o->n * o->n_heads * (o->causal ? q * (q + 1) / 2 : q * k);
}

loam_work loam_work_of(const loam_plan *p, const loam_step *s, const loam_op *o)
{
    const loam_tensor *x = o->in[0] >= 0 ? &p->tensors[o->in[0]] : NULL, *y = o->out >= 0 ? &p->tensors[o->out] : NULL;
    loam_work w = {.bytes = bytes_of(p, s, o->out)};
    for (int j = 0; j < LOAM_OP_MAX_IN; j++)
        w.bytes += bytes_of(p, s, o->in[j]);
    switch (o->kind) {
    case LOAM_OP_MATMUL:
    case LOAM_OP_GATED: /* two products of one factor */
        w.ops = (o->kind == LOAM_OP_GATED ? 4.0 : 2.0) * rows_of(y, s) * (double)x->shape[1] * (double)y->shape[1];
        break;
    case LOAM_OP_CONV:
        w.ops = 2.0 * (double)loam_conv_rows(&o->conv) * (double)y->shape[1] * (double)p->tensors[o->in[1]].shape[1];
        break;
    case LOAM_OP_ATTEND:
        w.ops = 4.0 * pairs(o) * o->head_dim;
        break;
    case LOAM_OP_ATTENTION: {
        double distinct;
        w.ops = 4.0 * seen(o, s, &distinct) * o->n_heads * o->head_dim;
        w.bytes += distinct * o->n_kv_heads * o->head_dim * 2 * 2; /* keys and values, f16 */
        break;
    }
    case LOAM_OP_KV_WRITE:
        w.bytes += rows_of(x, s) * (double)x->shape[1] * 2 * 2;
        break;
    case LOAM_OP_EMBED: /* only the rows that are looked up */
        w.bytes += rows_of(y, s) * (double)loam_dtype_row_bytes(p->tensors[o->in[1]].dtype, y->shape[1]) -
                   bytes_of(p, s, o->in[1]);
        break;
    case LOAM_OP_GATHER:
    case LOAM_OP_SLICE: /* what is left out is not read */
        w.bytes = 2 * bytes_of(p, s, o->out);
        break;
    default:
        break;
    }
    return w;
}

loam_work loam_work_total(const loam_plan *p, const loam_step *s)
{
    loam_work sum = {0};
    for (int i = 0; i < p->n_ops; i++) {
        loam_work w = loam_work_of(p, s, &p->ops[i]);
        sum.ops += w.ops;
        sum.bytes += w.bytes;
    }
    return sum;
}

void loam_work_name(const loam_plan *p, const loam_op *o, char out[LOAM_WORK_NAME])
{
    static const char *const layouts[LOAM_ACT_COUNT] = {"", " bf16", " q8", " q8"};
    const char *layout = o->in[0] >= 0 ? layouts[p->tensors[o->in[0]].layout] : "";
    const loam_conv *c = &o->conv;
    const char *way = o->winograd && !*layout ? " winograd" : "";
    if (o->kind != LOAM_OP_CONV)
        snprintf(out, LOAM_WORK_NAME, "%s%s", loam_op_name(o->kind), layout);
    else if (c->kt > 1)
        snprintf(out, LOAM_WORK_NAME, "CONV %dx%dx%d%s%s", c->kt, c->kh, c->kw, way, layout);
    else
        snprintf(out, LOAM_WORK_NAME, "CONV %dx%d%s%s", c->kh, c->kw, way, layout);
}
