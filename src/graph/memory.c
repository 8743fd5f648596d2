/* Stages and memory. Operations that do not depend on each other share a stage, without a barrier between them. A
 * tensor lives from the stage that writes it to the last stage that reads it; tensors whose lives overlap get disjoint
 * places in one arena, first fit in order of birth. */
#include <stdlib.h>

#include "base/checked.h"
#include "graph/graph_int.h"

static bool in_arena(const loam_tensor *t)
{
    return t->kind == LOAM_TENSOR_TEMP || t->kind == LOAM_TENSOR_OUTPUT ||
           (t->kind == LOAM_TENSOR_INPUT && t->dtype == LOAM_DTYPE_F32);
}

/* The operation overwrites its input in place: ROPE always (the input's only reader), a product its residual unless
 * that is its factor too. Results that stay readable are neither overwritten nor written this way. */
static int overwritten(const loam_graph *g, const loam_op *o)
{
    int x = o->kind == LOAM_OP_ROPE ? o->in[0] : o->kind == LOAM_OP_MATMUL && o->in[3] != o->in[0] ? o->in[3] : -1;
    bool temp = x >= 0 && g->tensors[x].kind == LOAM_TENSOR_TEMP && g->tensors[o->out].kind == LOAM_TENSOR_TEMP;
    return temp ? x : -1;
}

static int last_reader(const loam_graph *g, int t)
{
    for (int i = g->n_ops - 1; i >= 0; i--)
        for (int j = 0; j < LOAM_OP_MAX_IN; j++)
            if (g->ops[i].in[j] == t)
                return i;
    return -1;
}

/* Earliest stage after everything that it reads (and, for the KV cache, after who wrote it). */
static void assign_stages(loam_graph *g)
{
    int stage = 0, first = 0; /* ops [first, i) are in the current stage */
    for (int i = 0; i < g->n_ops; i++) {
        bool depends = false;
        for (int p = first; p < i && !depends; p++)
            for (int j = 0; j < LOAM_OP_MAX_IN && !depends; j++) {
                int x = g->ops[i].in[j];
                if (x < 0)
                    continue;
                depends = x == g->ops[p].out || (g->ops[p].kind == LOAM_OP_KV_WRITE && x == g->ops[p].in[2]);
            }
        /* what is overwritten in place must not be read by another operation of the same stage */
        int over = overwritten(g, &g->ops[i]);
        for (int p = first; p < i && over >= 0 && !depends; p++)
            for (int j = 0; j < LOAM_OP_MAX_IN; j++)
                depends = depends || g->ops[p].in[j] == over;
        if (depends) {
            stage++;
            first = i;
        }
        g->ops[i].stage = stage;
    }
}

static loam_status size_rows(loam_graph *g, int64_t max_tokens, int64_t max_outputs, loam_err *err)
{
    for (int t = 0; t < g->n_tensors; t++) {
        loam_tensor *x = &g->tensors[t];
        if (!in_arena(x))
            continue;
        x->row_bytes = loam_act_row_bytes(x->layout, x->shape[1]);
        if (x->kind == LOAM_TENSOR_TEMP) /* inputs and outputs are plain matrices for the caller */
            x->row_bytes = loam_align_up(x->row_bytes, 64);
        size_t rows = (size_t)loam_graph_most_rows(x, max_tokens, max_outputs), total;
        if (loam_mul_overflows(rows, x->row_bytes, &total))
            LOAM_FAIL(err, TOO_LARGE, "a step of %zu rows does not fit in memory; lower the size", rows);
    }
    return LOAM_OK;
}

typedef struct life {
    int tensor, birth, death; /* stages */
    size_t offset, bytes;
} life;

loam_status loam_graph_plan_memory(loam_graph *g, int64_t max_tokens, int64_t max_outputs, loam_err *err)
{
    assign_stages(g);
    LOAM_TRY(size_rows(g, max_tokens, max_outputs, err));
    /* in-place results share the storage of what they overwrite, if nobody reads that later */
    for (int i = 0; i < g->n_ops; i++) {
        int over = overwritten(g, &g->ops[i]);
        if (over >= 0 && last_reader(g, over) == i)
            g->tensors[g->ops[i].out].storage = g->tensors[over].storage;
        else if (g->ops[i].kind == LOAM_OP_ROPE)
            LOAM_FAIL(err, INTERNAL,
                      "rope: its input or result is kept or read again, which in-place rotation does not allow");
    }
    life *lives = calloc((size_t)g->n_tensors + 1, sizeof *lives);
    int *slot = calloc((size_t)g->n_tensors + 1, sizeof *slot);
    if (!lives || !slot) {
        free(lives);
        free(slot);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the graph's plan");
    }
    int n = 0, n_stages = g->n_ops ? g->ops[g->n_ops - 1].stage + 1 : 0;
    for (int t = 0; t < g->n_tensors; t++)
        slot[t] = -1;
    for (int t = 0; t < g->n_tensors; t++) { /* what the caller writes stays from run to run */
        const loam_tensor *x = &g->tensors[t];
        if (x->kind == LOAM_TENSOR_INPUT && in_arena(x)) {
            slot[t] = n;
            lives[n++] = (life){t, 0, n_stages, 0, (size_t)x->shape[0] * x->row_bytes};
        }
    }
    for (int i = 0; i < g->n_ops; i++) { /* in order of birth */
        const loam_op *o = &g->ops[i];
        for (int j = 0; j < LOAM_OP_MAX_IN; j++) {
            int x = o->in[j];
            life *l = x >= 0 && in_arena(&g->tensors[x]) && slot[g->tensors[x].storage] >= 0
                          ? &lives[slot[g->tensors[x].storage]]
                          : NULL;
            if (l && l->death < o->stage)
                l->death = o->stage;
        }
        if (o->out < 0 || !in_arena(&g->tensors[o->out]))
            continue;
        const loam_tensor *x = &g->tensors[o->out];
        int s = x->storage;
        if (slot[s] < 0) {
            size_t rows = (size_t)loam_graph_most_rows(x, max_tokens, max_outputs);
            slot[s] = n;
            lives[n++] = (life){s, o->stage, o->stage, 0, rows * x->row_bytes};
        }
        if (x->kind == LOAM_TENSOR_OUTPUT)
            lives[slot[s]].death = n_stages;
    }
    size_t top = 0;
    for (int i = 0; i < n; i++) { /* lowest offset where no earlier-placed, overlapping life stands */
        size_t offset = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int j = 0; j < i; j++)
                if (lives[j].birth <= lives[i].death && lives[i].birth <= lives[j].death &&
                    offset < lives[j].offset + lives[j].bytes && lives[j].offset < offset + lives[i].bytes) {
                    offset = loam_align_up(lives[j].offset + lives[j].bytes, 64);
                    moved = true;
                }
        }
        lives[i].offset = offset;
        if (offset + lives[i].bytes > top)
            top = offset + lives[i].bytes;
    }
    for (int t = 0; t < g->n_tensors; t++)
        if (in_arena(&g->tensors[t]) && slot[g->tensors[t].storage] >= 0)
            g->tensors[t].offset = lives[slot[g->tensors[t].storage]].offset;
    free(lives);
    free(slot);
    g->plan = (loam_plan){g->tensors, g->ops, g->n_tensors, g->n_ops, max_tokens, max_outputs, loam_align_up(top, 64)};
    return LOAM_OK;
}
