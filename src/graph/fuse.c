/* Fusion where it pays: what follows a product is done on its tile while that is still in the cache. */
#include "graph/graph_int.h"

/* The one operation that writes t, or -1. */
static int producer(const loam_graph *g, int t)
{
    for (int i = 0; i < g->n_ops; i++)
        if (g->ops[i].out == t)
            return i;
    return -1;
}

/* A plain product (or convolution) whose result only one operation reads. */
static int lone(const loam_graph *g, int t, loam_op_kind kind)
{
    int p = t < 0 || g->tensors[t].kind != LOAM_TENSOR_TEMP ? -1 : producer(g, t);
    return p >= 0 && g->ops[p].kind == kind && g->ops[p].in[3] < 0 && loam_graph_n_uses(g, t) == 1 ? p : -1;
}

/* x·Wᵀ + r -> MATMUL or CONV with residual. Moves the product to the ADD's place, where r is known to be computed. */
static bool fuse_residual(loam_graph *g, int add)
{
    for (int side = 0; side < 2; side++) {
        int m = lone(g, g->ops[add].in[side], LOAM_OP_MATMUL);
        if (m < 0)
            m = lone(g, g->ops[add].in[side], LOAM_OP_CONV);
        if (m < 0)
            continue;
        loam_op fused = g->ops[m];
        fused.in[3] = g->ops[add].in[1 - side];
        fused.out = g->ops[add].out;
        g->ops[add] = fused;
        g->ops[m].kind = LOAM_OP_COUNT; /* removed below */
        return true;
    }
    return false;
}

/* f(x·Gᵀ) · (x·Uᵀ) -> GATED, when both products can read the same rows of x. */
static bool fuse_gated(loam_graph *g, const loam_device_api *api, const loam_device *d, int op)
{
    int gate = lone(g, g->ops[op].in[0], LOAM_OP_MATMUL), up = lone(g, g->ops[op].in[1], LOAM_OP_MATMUL);
    if (gate < 0 || up < 0 || g->ops[gate].in[0] != g->ops[up].in[0])
        return false;
    loam_act a = api->act(d, g->tensors[g->ops[gate].in[1]].dtype), b = api->act(d, g->tensors[g->ops[up].in[1]].dtype);
    if (!loam_act_serves(a, b) && !loam_act_serves(b, a))
        return false;
    loam_op *o = &g->ops[op];
    o->kind = LOAM_OP_GATED;
    o->in[3] = g->ops[gate].in[2];
    o->in[4] = g->ops[up].in[2];
    o->in[0] = g->ops[gate].in[0];
    o->in[2] = g->ops[up].in[1];
    o->in[1] = g->ops[gate].in[1];
    g->ops[gate].kind = g->ops[up].kind = LOAM_OP_COUNT;
    return true;
}

void loam_graph_fuse(loam_graph *g, const loam_device_api *api, const loam_device *d)
{
    for (int i = 0; i < g->n_ops; i++) {
        if (g->ops[i].kind == LOAM_OP_ADD)
            fuse_residual(g, i);
        else if (g->ops[i].kind == LOAM_OP_GATE)
            fuse_gated(g, api, d, i);
    }
    int n = 0;
    for (int i = 0; i < g->n_ops; i++)
        if (g->ops[i].kind != LOAM_OP_COUNT)
            g->ops[n++] = g->ops[i];
    g->n_ops = n;
}
