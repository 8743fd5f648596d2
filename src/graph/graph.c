/* Building: every call checks its shapes and appends one operation. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "graph/graph_int.h"

const char *loam_op_name(loam_op_kind k)
{
    static const char *const names[] = {
#define X(name) #name,
        LOAM_OP_LIST(X)
#undef X
    };
    return (unsigned)k < LOAM_OP_COUNT ? names[k] : "?";
}

loam_graph *loam_graph_new(void)
{
    loam_graph *g = calloc(1, sizeof *g);
    if (g && !(g->arena = loam_arena_new(0))) {
        free(g);
        return NULL;
    }
    return g;
}

void loam_graph_free(loam_graph *g)
{
    if (!g)
        return;
    loam_arena_free(g->arena);
    free(g->tensors);
    free(g->ops);
    free(g);
}

/* One more slot at the end of a table that doubles; NULL when out of memory. */
static void *grown(void *table, int n, int *cap, size_t item)
{
    if (n < *cap)
        return table;
    int more = *cap ? *cap * 2 : 64;
    void *bigger = realloc(table, (size_t)more * item);
    if (bigger)
        *cap = more;
    return bigger;
}

int loam_graph_tensor_add(loam_graph *g, const char *name, loam_tensor_kind kind, loam_dtype t, int n_dims,
                          const int64_t *shape)
{
    if (g->failed)
        return -1;
    loam_tensor *table = grown(g->tensors, g->n_tensors, &g->cap_tensors, sizeof *table);
    char *copy = loam_arena_strndup(g->arena, name ? name : "", name ? strlen(name) : 0);
    if (table)
        g->tensors = table;
    if (!table || !copy) {
        GRAPH_FAIL(g, NO_MEMORY, "no memory for the graph");
        return -1;
    }
    loam_tensor *x = &table[g->n_tensors];
    *x = (loam_tensor){.name = copy, .kind = kind, .dtype = t, .n_dims = n_dims, .storage = g->n_tensors};
    memcpy(x->shape, shape, (size_t)n_dims * sizeof *shape);
    return g->n_tensors++;
}

loam_op *loam_graph_op_add(loam_graph *g, loam_op_kind kind)
{
    if (g->failed)
        return NULL;
    loam_op *table = grown(g->ops, g->n_ops, &g->cap_ops, sizeof *table);
    if (!table) {
        GRAPH_FAIL(g, NO_MEMORY, "no memory for the graph");
        return NULL;
    }
    g->ops = table;
    loam_op *o = &table[g->n_ops++];
    *o = (loam_op){.kind = kind, .out = -1};
    for (int i = 0; i < LOAM_OP_MAX_IN; i++)
        o->in[i] = -1;
    return o;
}

int loam_graph_n_uses(const loam_graph *g, int t)
{
    int n = 0;
    for (int i = 0; i < g->n_ops; i++)
        for (int j = 0; j < LOAM_OP_MAX_IN; j++)
            n += g->ops[i].in[j] == t;
    return n;
}

const loam_tensor *loam_graph_at(loam_graph *g, int t, const char *what)
{
    if (g->failed)
        return NULL;
    if (t < 0 || t >= g->n_tensors) {
        GRAPH_FAIL(g, INTERNAL, "%s: no such tensor", what);
        return NULL;
    }
    return &g->tensors[t];
}

int64_t loam_graph_columns_of(loam_graph *g, int t, const char *what)
{
    const loam_tensor *x = loam_graph_at(g, t, what);
    if (!x)
        return -1;
    if (x->n_dims != 2 || x->dtype != LOAM_DTYPE_F32 || x->kind == LOAM_TENSOR_WEIGHT) {
        GRAPH_FAIL(g, INTERNAL, "%s: wants activations [rows, columns] in f32", what);
        return -1;
    }
    return x->shape[1];
}

int loam_graph_new_rows(loam_graph *g, int64_t rows, int64_t cols)
{
    return loam_graph_tensor_add(g, NULL, LOAM_TENSOR_TEMP, LOAM_DTYPE_F32, 2, (int64_t[]){rows, cols});
}

int loam_graph_tokens(loam_graph *g)
{
    return loam_graph_tensor_add(g, "tokens", LOAM_TENSOR_INPUT, LOAM_DTYPE_I32, 1, (int64_t[]){LOAM_DIM_TOKENS});
}

int loam_graph_positions(loam_graph *g)
{
    return loam_graph_tensor_add(g, "positions", LOAM_TENSOR_INPUT, LOAM_DTYPE_I32, 1, (int64_t[]){LOAM_DIM_TOKENS});
}

int loam_graph_fixed_tokens(loam_graph *g, int64_t n)
{
    return loam_graph_tensor_add(g, "tokens", LOAM_TENSOR_INPUT, LOAM_DTYPE_I32, 1, (int64_t[]){n});
}

int loam_graph_fixed_positions(loam_graph *g, int64_t n)
{
    return loam_graph_tensor_add(g, "positions", LOAM_TENSOR_INPUT, LOAM_DTYPE_I32, 1, (int64_t[]){n});
}

int loam_graph_input(loam_graph *g, const char *name, int64_t rows, int64_t cols)
{
    if (!g->failed && (rows < 1 || cols < 1))
        GRAPH_FAIL(g, INTERNAL, "input '%s' of %lld rows and %lld columns", name, (long long)rows, (long long)cols);
    return loam_graph_tensor_add(g, name, LOAM_TENSOR_INPUT, LOAM_DTYPE_F32, 2, (int64_t[]){rows, cols});
}

int loam_graph_weight(loam_graph *g, const char *name, loam_weight *w, loam_dtype t, int64_t n, int64_t k, bool vector)
{
    int id = vector ? loam_graph_tensor_add(g, name, LOAM_TENSOR_WEIGHT, t, 1, (int64_t[]){k})
                    : loam_graph_tensor_add(g, name, LOAM_TENSOR_WEIGHT, t, 2, (int64_t[]){n, k});
    if (id >= 0)
        g->tensors[id].weight = w;
    return id;
}

int loam_graph_kv(loam_graph *g, const char *name, loam_kv *kv, int n_kv_heads, int head_dim)
{
    int id = loam_graph_tensor_add(g, name, LOAM_TENSOR_STATE, LOAM_DTYPE_F16, 2, (int64_t[]){n_kv_heads, head_dim});
    if (id >= 0)
        g->tensors[id].kv = kv;
    return id;
}

bool loam_graph_vector_fits(loam_graph *g, int t, int64_t n, const char *what)
{
    const loam_tensor *w = loam_graph_at(g, t, what);
    if (!w)
        return false;
    if (w->kind != LOAM_TENSOR_WEIGHT || w->n_dims != 1 || w->shape[0] != n) {
        GRAPH_FAIL(g, INVALID, "%s '%s' has %lld elements where %lld are needed", what, w->name, (long long)w->shape[0],
                   (long long)n);
        return false;
    }
    return true;
}

int loam_graph_embed(loam_graph *g, int tokens, int table)
{
    const loam_tensor *ids = loam_graph_at(g, tokens, "embed"), *w = loam_graph_at(g, table, "embed");
    if (!ids || !w)
        return -1;
    if (ids->dtype != LOAM_DTYPE_I32 || w->kind != LOAM_TENSOR_WEIGHT || w->n_dims != 2) {
        GRAPH_FAIL(g, INTERNAL, "embed: wants token ids and a table [vocabulary, columns]");
        return -1;
    }
    int64_t rows = ids->shape[0], cols = w->shape[1];
    loam_op *o = loam_graph_op_add(g, LOAM_OP_EMBED);
    if (!o)
        return -1;
    o->in[0] = tokens, o->in[1] = table;
    o->by_position = strcmp(ids->name, "positions") == 0;
    return o->out = loam_graph_new_rows(g, rows, cols);
}

int loam_graph_rms_norm(loam_graph *g, int x, int w, float eps)
{
    int64_t cols = loam_graph_columns_of(g, x, "rms_norm");
    const loam_tensor *v = loam_graph_at(g, w, "rms_norm");
    if (cols < 0 || !v)
        return -1;
    if (v->n_dims != 1 || v->shape[0] < 1 || cols % v->shape[0] != 0) {
        GRAPH_FAIL(g, INVALID, "norm weight '%s' has %lld elements, which do not divide the %lld columns", v->name,
                   (long long)v->shape[0], (long long)cols);
        return -1;
    }
    int64_t rows = g->tensors[x].shape[0];
    loam_op *o = loam_graph_op_add(g, LOAM_OP_RMS_NORM);
    if (!o)
        return -1;
    o->in[0] = x, o->in[1] = w, o->eps = eps;
    return o->out = loam_graph_new_rows(g, rows, cols);
}

int loam_graph_matmul(loam_graph *g, int x, int w, int bias)
{
    int64_t k = loam_graph_columns_of(g, x, "matmul");
    const loam_tensor *m = loam_graph_at(g, w, "matmul");
    if (k < 0 || !m)
        return -1;
    if (m->kind != LOAM_TENSOR_WEIGHT || m->n_dims != 2 || m->shape[1] != k) {
        GRAPH_FAIL(g, INVALID, "weight '%s' is [%lld, %lld]; its input has %lld columns", m->name,
                   (long long)m->shape[0], m->n_dims == 2 ? (long long)m->shape[1] : 1LL, (long long)k);
        return -1;
    }
    int64_t rows = g->tensors[x].shape[0], n = m->shape[0];
    if (bias >= 0 && !loam_graph_vector_fits(g, bias, n, "bias"))
        return -1;
    loam_op *o = loam_graph_op_add(g, LOAM_OP_MATMUL);
    if (!o)
        return -1;
    o->in[0] = x, o->in[1] = w, o->in[2] = bias;
    return o->out = loam_graph_new_rows(g, rows, n);
}

static int binary(loam_graph *g, loam_op_kind kind, int a, int b)
{
    int64_t ca = loam_graph_columns_of(g, a, loam_op_name(kind)), cb = loam_graph_columns_of(g, b, loam_op_name(kind));
    if (ca < 0 || cb < 0)
        return -1;
    if (ca != cb || g->tensors[a].shape[0] != g->tensors[b].shape[0]) {
        GRAPH_FAIL(g, INVALID, "%s of [.., %lld] and [.., %lld]: the shapes differ", loam_op_name(kind), (long long)ca,
                   (long long)cb);
        return -1;
    }
    int64_t rows = g->tensors[a].shape[0];
    loam_op *o = loam_graph_op_add(g, kind);
    if (!o)
        return -1;
    o->in[0] = a, o->in[1] = b;
    return o->out = loam_graph_new_rows(g, rows, ca);
}

int loam_graph_add(loam_graph *g, int a, int b)
{
    return binary(g, LOAM_OP_ADD, a, b);
}

int loam_graph_gate(loam_graph *g, loam_unary f, int gate, int up)
{
    int y = binary(g, LOAM_OP_GATE, gate, up);
    if (y >= 0)
        g->ops[g->n_ops - 1].f = f;
    return y;
}

int loam_graph_gather(loam_graph *g, int x)
{
    int64_t cols = loam_graph_columns_of(g, x, "gather");
    loam_op *o = cols < 0 ? NULL : loam_graph_op_add(g, LOAM_OP_GATHER);
    if (!o)
        return -1;
    o->in[0] = x;
    return o->out = loam_graph_new_rows(g, LOAM_DIM_OUTPUTS, cols);
}

int loam_graph_rope_table(loam_graph *g, int positions, int factors, const loam_rope_params *p)
{
    if (!loam_graph_at(g, positions, "rope_table"))
        return -1;
    if (p->n_rot < 2 || p->n_rot % 2 || !(p->base > 0) || !(p->scale > 0)) {
        GRAPH_FAIL(g, INVALID,
                   "rotary embedding of %d dimensions with base %g and scale %g: wants an even number of dimensions "
                   "and positive numbers",
                   p->n_rot, (double)p->base, (double)p->scale);
        return -1;
    }
    if (factors >= 0 && !loam_graph_vector_fits(g, factors, p->n_rot / 2, "rotary factors"))
        return -1;
    loam_op *o = loam_graph_op_add(g, LOAM_OP_ROPE_TABLE);
    if (!o)
        return -1;
    o->in[0] = positions, o->in[1] = factors;
    o->n_rot = p->n_rot, o->neox = p->neox;
    o->rope_base = p->base, o->rope_scale = p->scale, o->rope_ext_factor = p->ext_factor;
    o->rope_attn_factor = p->attn_factor, o->rope_beta_fast = p->beta_fast, o->rope_beta_slow = p->beta_slow;
    o->rope_n_ctx_orig = p->n_ctx_orig;
    return o->out = loam_graph_new_rows(g, LOAM_DIM_TOKENS, 2 * (int64_t)p->n_rot);
}

bool loam_graph_heads_fit(loam_graph *g, int t, int n_heads, int head_dim, const char *what)
{
    int64_t cols = loam_graph_columns_of(g, t, what);
    if (cols < 0)
        return false;
    if (n_heads < 1 || head_dim < 1 || head_dim > LOAM_MAX_HEAD_DIM || cols != (int64_t)n_heads * head_dim) {
        GRAPH_FAIL(g, INVALID, "%s: %lld columns are not %d heads of %d (at most %d)", what, (long long)cols, n_heads,
                   head_dim, LOAM_MAX_HEAD_DIM);
        return false;
    }
    return true;
}

int loam_graph_rope(loam_graph *g, int x, int table, int n_heads, int head_dim, int n_rot, bool neox)
{
    if (!loam_graph_heads_fit(g, x, n_heads, head_dim, "rope") ||
        loam_graph_columns_of(g, table, "rope") != 2 * (int64_t)n_rot || n_rot > head_dim) {
        GRAPH_FAIL(g, INVALID, "rope: %d rotated dimensions do not fit heads of %d", n_rot, head_dim);
        return -1;
    }
    int64_t rows = g->tensors[x].shape[0], cols = g->tensors[x].shape[1];
    loam_op *o = loam_graph_op_add(g, LOAM_OP_ROPE);
    if (!o)
        return -1;
    o->in[0] = x, o->in[1] = table;
    o->n_heads = n_heads, o->head_dim = head_dim, o->n_rot = n_rot, o->neox = neox;
    return o->out = loam_graph_new_rows(g, rows, cols);
}

void loam_graph_kv_write(loam_graph *g, int k, int v, int kv)
{
    const loam_tensor *c = loam_graph_at(g, kv, "kv_write");
    if (!c || !loam_graph_heads_fit(g, k, (int)c->shape[0], (int)c->shape[1], "kv_write") ||
        !loam_graph_heads_fit(g, v, (int)c->shape[0], (int)c->shape[1], "kv_write"))
        return;
    int n_kv = (int)g->tensors[kv].shape[0], head_dim = (int)g->tensors[kv].shape[1];
    loam_op *o = loam_graph_op_add(g, LOAM_OP_KV_WRITE);
    if (!o)
        return;
    o->in[0] = k, o->in[1] = v, o->in[2] = kv;
    o->n_kv_heads = n_kv, o->head_dim = head_dim;
}

int loam_graph_attention(loam_graph *g, int q, int kv, int n_heads, float scale, int window)
{
    const loam_tensor *c = loam_graph_at(g, kv, "attention");
    if (!c || !loam_graph_heads_fit(g, q, n_heads, (int)c->shape[1], "attention"))
        return -1;
    int n_kv = (int)c->shape[0], head_dim = (int)c->shape[1];
    if (n_kv < 1 || n_heads % n_kv != 0 || n_heads / n_kv > LOAM_ATTENTION_MAX_ROWS) {
        GRAPH_FAIL(g, INVALID, "%d attention heads cannot share %d key/value heads (at most %d a group)", n_heads, n_kv,
                   LOAM_ATTENTION_MAX_ROWS);
        return -1;
    }
    int64_t rows = g->tensors[q].shape[0], cols = g->tensors[q].shape[1];
    loam_op *o = loam_graph_op_add(g, LOAM_OP_ATTENTION);
    if (!o)
        return -1;
    o->in[0] = q, o->in[1] = kv;
    o->n_heads = n_heads, o->n_kv_heads = n_kv, o->head_dim = head_dim, o->scale = scale, o->window = window;
    return o->out = loam_graph_new_rows(g, rows, cols);
}

void loam_graph_output(loam_graph *g, int x)
{
    if (loam_graph_columns_of(g, x, "output") >= 0)
        g->tensors[x].kind = LOAM_TENSOR_OUTPUT;
}

loam_status loam_graph_plan(loam_graph *g, const loam_device_api *api, loam_device *d, int64_t max_tokens,
                            int64_t max_outputs, loam_program **out, loam_err *err)
{
    if (g->failed) {
        if (err)
            *err = g->err;
        return g->err.code;
    }
    loam_graph_fuse(g, api, d);
    LOAM_TRY(loam_graph_assign_layouts(g, api, d, err));
    LOAM_TRY(loam_graph_plan_memory(g, max_tokens, max_outputs, err));
    for (int i = 0; i < g->n_ops; i++)
        if (!api->supports(d, &g->plan, &g->ops[i]))
            LOAM_FAIL(err, UNSUPPORTED, "the device '%s' cannot run the operation %s", api->name,
                      loam_op_name(g->ops[i].kind));
    return api->program_new(d, &g->plan, out, err);
}

int64_t loam_graph_rows(const loam_graph *g, int x)
{
    return g->failed || x < 0 ? -1 : g->tensors[x].shape[0];
}

int64_t loam_graph_columns(const loam_graph *g, int x)
{
    return g->failed || x < 0 || g->tensors[x].n_dims != 2 ? -1 : g->tensors[x].shape[1];
}

const loam_plan *loam_graph_get_plan(const loam_graph *g)
{
    return &g->plan;
}
