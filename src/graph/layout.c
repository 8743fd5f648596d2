/* Storage of intermediates: a tensor that only products read is stored as those products want it (8 bits, bf16), by the
 * operation that computes it; where readers disagree, a CONVERT is put in. */
#include <string.h>

#include "graph/graph_int.h"

/* Turns *a into a layout that serves readers of *a and of b alike; false when there is none. */
static bool meet(loam_act *a, loam_act b)
{
    if (loam_act_serves(b, *a))
        *a = b;
    return loam_act_serves(*a, b);
}

/* What operation o wants of its input j. */
static loam_act wanted(const loam_graph *g, const loam_device_api *api, const loam_device *d, const loam_op *o, int j)
{
    if (j != 0 || (o->kind != LOAM_OP_MATMUL && o->kind != LOAM_OP_GATED && o->kind != LOAM_OP_CONV))
        return LOAM_ACT_F32;
    loam_act a = api->act(d, g->tensors[o->in[1]].dtype);
    if (o->kind == LOAM_OP_CONV) /* convolutions of 8-bit weights are computed in f32 */
        return a == LOAM_ACT_BF16 && o->conv.c % 2 == 0 ? a : LOAM_ACT_F32;
    if (o->kind == LOAM_OP_GATED)
        meet(&a, api->act(d, g->tensors[o->in[2]].dtype)); /* they do, or they had not been fused */
    return a;
}

/* Whether the operation can write layout a, another than f32. Attention writes the heads of one KV head at a time,
 * which must be whole blocks, or super-blocks for Q8K. */
static bool can_store(const loam_op *o, loam_act a)
{
    if (o->kind == LOAM_OP_ATTENTION)
        return o->n_heads / o->n_kv_heads * o->head_dim % (a == LOAM_ACT_Q8K ? 256 : 32) == 0;
    return o->kind == LOAM_OP_RMS_NORM || o->kind == LOAM_OP_GATED || o->kind == LOAM_OP_GATE ||
           o->kind == LOAM_OP_GROUP_NORM || o->kind == LOAM_OP_LAYER_NORM || o->kind == LOAM_OP_UNARY;
}

/* Puts CONVERT before op i, which reads x in layout a; later readers that a layout serves as well use it too. */
static bool insert_convert(loam_graph *g, const loam_device_api *api, const loam_device *d, int i, int x, loam_act a)
{
    for (int o = i + 1; o < g->n_ops; o++)
        if (g->ops[o].in[0] == x)
            meet(&a, wanted(g, api, d, &g->ops[o], 0));
    int64_t shape[2] = {g->tensors[x].shape[0], g->tensors[x].shape[1]};
    int y = loam_graph_tensor_add(g, NULL, LOAM_TENSOR_TEMP, LOAM_DTYPE_F32, 2, shape);
    if (y < 0 || !loam_graph_op_add(g, LOAM_OP_CONVERT))
        return false;
    loam_op c = g->ops[g->n_ops - 1];
    memmove(&g->ops[i + 1], &g->ops[i], (size_t)(g->n_ops - 1 - i) * sizeof *g->ops);
    c.in[0] = x;
    c.out = y;
    g->ops[i] = c;
    g->tensors[y].layout = a;
    for (int o = i + 1; o < g->n_ops; o++)
        if (g->ops[o].in[0] == x && wanted(g, api, d, &g->ops[o], 0) != LOAM_ACT_F32 &&
            loam_act_serves(a, wanted(g, api, d, &g->ops[o], 0)))
            g->ops[o].in[0] = y;
    return true;
}

loam_status loam_graph_assign_layouts(loam_graph *g, const loam_device_api *api, const loam_device *d, loam_err *err)
{
    for (int i = 0; i < g->n_ops; i++) { /* i: the producer */
        int x = g->ops[i].out;
        if (x < 0 || g->tensors[x].kind != LOAM_TENSOR_TEMP)
            continue;
        bool agree = true, seen = false;
        loam_act a = LOAM_ACT_F32;
        for (int o = 0; o < g->n_ops; o++)
            for (int j = 0; j < LOAM_OP_MAX_IN; j++)
                if (g->ops[o].in[j] == x) {
                    loam_act w = wanted(g, api, d, &g->ops[o], j);
                    if (!seen)
                        a = w;
                    agree = agree && meet(&a, w);
                    seen = true;
                }
        if (seen && agree && can_store(&g->ops[i], a))
            g->tensors[x].layout = a;
    }
    for (int i = 0; i < g->n_ops; i++) {
        loam_act a = wanted(g, api, d, &g->ops[i], 0);
        int x = g->ops[i].in[0];
        if (x >= 0 && a != LOAM_ACT_F32 && !loam_act_serves(g->tensors[x].layout, a) &&
            !insert_convert(g, api, d, i, x, a))
            LOAM_FAIL(err, NO_MEMORY, "no memory for the graph");
    }
    return LOAM_OK;
}
