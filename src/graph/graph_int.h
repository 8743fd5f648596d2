/* The graph while it is built and planned: growing tables of tensors and operations, shared by build, fuse and plan. */
#ifndef LOAM_GRAPH_INT_H
#define LOAM_GRAPH_INT_H

#include "base/arena.h"
#include "graph/graph.h"

struct loam_graph {
    loam_arena *arena; /* names */
    loam_tensor *tensors;
    loam_op *ops;
    int n_tensors, cap_tensors, n_ops, cap_ops;
    bool failed;
    loam_err err; /* the first mistake */
    loam_plan plan;
};

/* -1 when out of memory (then g has failed). name may be NULL. */
int loam_graph_tensor_add(loam_graph *g, const char *name, loam_tensor_kind kind, loam_dtype t, int n_dims,
                          const int64_t *shape);
/* A zeroed operation with all inputs -1, or NULL. */
loam_op *loam_graph_op_add(loam_graph *g, loam_op_kind kind);
/* How many operations read tensor t. */
int loam_graph_n_uses(const loam_graph *g, int t);

/* Rewrites ops: MATMUL + ADD -> MATMUL with residual; MATMUL, MATMUL, SWIGLU -> GATED (fuse.c). */
void loam_graph_fuse(loam_graph *g, const loam_device_api *api, const loam_device *d);
/* Chooses the storage of each intermediate for its readers, adding CONVERT where they disagree (layout.c). */
loam_status loam_graph_assign_layouts(loam_graph *g, const loam_device_api *api, const loam_device *d, loam_err *err);
/* Orders ops into stages and gives every TEMP and OUTPUT its place in the arena (memory.c). */
loam_status loam_graph_plan_memory(loam_graph *g, int64_t max_tokens, int64_t max_outputs, loam_err *err);

#endif
