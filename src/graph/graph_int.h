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

#define GRAPH_FAIL(g, CODE, ...)                                                          \
    do {                                                                                  \
        if (!(g)->failed)                                                                 \
            loam_err_set(&(g)->err, LOAM_STATUS_##CODE, __FILE__, __LINE__, __VA_ARGS__); \
        (g)->failed = true;                                                               \
    } while (0)
/* The tensor, or NULL with a message. */
const loam_tensor *loam_graph_at(loam_graph *g, int t, const char *what);
/* The columns of activations [rows, columns] in f32, or -1 with a message. */
int64_t loam_graph_columns_of(loam_graph *g, int t, const char *what);
int loam_graph_new_rows(loam_graph *g, int64_t rows, int64_t cols);
/* Whether t is a weight vector of exactly n elements; says so when not. */
bool loam_graph_vector_fits(loam_graph *g, int t, int64_t n, const char *what);
bool loam_graph_heads_fit(loam_graph *g, int t, int n_heads, int head_dim, const char *what);

/* Rows of a tensor's first dimension in a step of the largest size. */
static inline int64_t loam_graph_most_rows(const loam_tensor *t, int64_t max_tokens, int64_t max_outputs)
{
    return t->shape[0] == LOAM_DIM_OUTPUTS ? max_outputs : t->shape[0] == LOAM_DIM_TOKENS ? max_tokens : t->shape[0];
}

/* Rewrites ops: MATMUL + ADD -> MATMUL with residual; MATMUL, MATMUL, GATE -> GATED (fuse.c). */
void loam_graph_fuse(loam_graph *g, const loam_device_api *api, const loam_device *d);
/* Chooses the storage of each intermediate for its readers, adding CONVERT where they disagree (layout.c). */
loam_status loam_graph_assign_layouts(loam_graph *g, const loam_device_api *api, const loam_device *d, loam_err *err);
/* Orders ops into stages and gives every TEMP and OUTPUT its place in the arena (memory.c). */
loam_status loam_graph_plan_memory(loam_graph *g, int64_t max_tokens, int64_t max_outputs, loam_err *err);

#endif
