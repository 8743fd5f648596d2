/* Building operations of picture and clip models: their tensors have a fixed number of rows, one per position of a
 * picture or clip, channels last. */
#include "graph/graph_int.h"

/* Columns of x, which must have a fixed number of rows; -1 with a message. */
static int64_t fixed_columns(loam_graph *g, int x, const char *what)
{
    int64_t cols = loam_graph_columns_of(g, x, what);
    if (cols >= 0 && g->tensors[x].shape[0] < 1) {
        GRAPH_FAIL(g, INTERNAL, "%s: wants a fixed number of rows", what);
        return -1;
    }
    return cols;
}

/* Whether t can be spread over x's rows; -1 is fine when optional. */
static bool spreads(loam_graph *g, int t, int64_t rows, int64_t cols, const char *what)
{
    int64_t c = fixed_columns(g, t, what);
    if (c < 0)
        return false;
    if (c != cols || rows % g->tensors[t].shape[0] != 0) {
        GRAPH_FAIL(g, INVALID, "%s: [%lld, %lld] cannot be spread over [%lld, %lld]", what,
                   (long long)g->tensors[t].shape[0], (long long)c, (long long)rows, (long long)cols);
        return false;
    }
    return true;
}

static loam_op *add_op(loam_graph *g, loam_op_kind kind, int a, int b, int c, int64_t rows, int64_t cols)
{
    int out = loam_graph_new_rows(g, rows, cols);
    loam_op *o = out < 0 ? NULL : loam_graph_op_add(g, kind);
    if (o)
        o->in[0] = a, o->in[1] = b, o->in[2] = c, o->out = out;
    return o;
}

int loam_graph_conv(loam_graph *g, int x, int w, int bias, int spread, const loam_conv *c)
{
    int64_t cols = fixed_columns(g, x, "conv"), k = (int64_t)c->kt * c->kh * c->kw * c->c, rows = loam_conv_rows(c);
    const loam_tensor *m = loam_graph_at(g, w, "conv");
    if (cols < 0 || !m)
        return -1;
    int64_t last_t = (c->of - 1) * c->stride_t - c->pad_t, last_y = (c->oh - 1) * c->stride - c->pad_top,
            last_x = (c->ow - 1) * c->stride - c->pad_left, up = c->up ? 2 : 1;
    if (cols != c->c || g->tensors[x].shape[0] != c->n * c->f * c->h * c->w || rows < 1 || c->stride < 1 ||
        c->stride_t < 1 || last_t >= c->f || last_y >= c->h * up || last_x >= c->w * up) {
        GRAPH_FAIL(g, INVALID,
                   "convolution '%s' over %lld x %lld x %lld x %lld positions of %lld channels: its input is "
                   "[%lld, %lld]",
                   m->name, (long long)c->n, (long long)c->f, (long long)c->h, (long long)c->w, (long long)c->c,
                   (long long)g->tensors[x].shape[0], (long long)cols);
        return -1;
    }
    if (m->kind != LOAM_TENSOR_WEIGHT || m->n_dims != 2 || m->shape[1] != k) {
        GRAPH_FAIL(g, INVALID, "weight '%s' has %lld inputs, its convolution %lld", m->name,
                   m->n_dims == 2 ? (long long)m->shape[1] : 1LL, (long long)k);
        return -1;
    }
    int64_t n = m->shape[0];
    if ((bias >= 0 && !loam_graph_vector_fits(g, bias, n, "bias")) ||
        (spread >= 0 && !spreads(g, spread, rows, n, "conv")))
        return -1;
    loam_op *o = add_op(g, LOAM_OP_CONV, x, w, bias, rows, n);
    if (!o)
        return -1;
    o->in[4] = spread;
    o->conv = *c;
    o->winograd = loam_conv_prefers_winograd(c);
    return o->out;
}

int loam_graph_group_norm(loam_graph *g, int x, int gamma, int beta, int64_t n, int groups, float eps, loam_unary f)
{
    enum { MOST_BLOCKS = 64, LEAST_ROWS = 16 };
    int64_t cols = fixed_columns(g, x, "group_norm");
    if (cols < 0 || !loam_graph_vector_fits(g, gamma, cols, "norm") || !loam_graph_vector_fits(g, beta, cols, "norm"))
        return -1;
    int64_t rows = g->tensors[x].shape[0];
    if (groups < 1 || cols % groups != 0 || n < 1 || rows % n != 0) {
        GRAPH_FAIL(g, INVALID, "group norm '%s': %lld channels in %d groups, %lld rows in %lld pictures",
                   g->tensors[gamma].name, (long long)cols, groups, (long long)rows, (long long)n);
        return -1;
    }
    /* the cut into blocks depends on the shape alone, so that sums have the same bits with any number of threads */
    int64_t per = rows / n, block = (per + MOST_BLOCKS - 1) / MOST_BLOCKS;
    block = block < LEAST_ROWS ? LEAST_ROWS : block;
    int64_t blocks = (per + block - 1) / block;
    loam_op *s = add_op(g, LOAM_OP_GROUP_STATS, x, -1, -1, n * blocks, 4 * (int64_t)groups);
    if (!s)
        return -1;
    s->n = n, s->groups = groups, s->block_rows = block;
    int stats = s->out;
    loam_op *o = add_op(g, LOAM_OP_GROUP_NORM, x, stats, gamma, rows, cols);
    if (!o)
        return -1;
    o->in[3] = beta;
    o->n = n, o->groups = groups, o->block_rows = block, o->eps = eps, o->f = f;
    return o->out;
}

int loam_graph_layer_norm(loam_graph *g, int x, int gamma, int beta, int scale, int shift, float eps)
{
    int64_t cols = fixed_columns(g, x, "layer_norm");
    if (cols < 0)
        return -1;
    int64_t rows = g->tensors[x].shape[0];
    if ((gamma >= 0 && !loam_graph_vector_fits(g, gamma, cols, "norm")) ||
        (beta >= 0 && !loam_graph_vector_fits(g, beta, cols, "norm")) ||
        (scale >= 0 && !spreads(g, scale, rows, cols, "layer_norm")) ||
        (shift >= 0 && !spreads(g, shift, rows, cols, "layer_norm")))
        return -1;
    if ((scale >= 0) != (shift >= 0) || (scale >= 0 && gamma >= 0)) {
        GRAPH_FAIL(g, INTERNAL, "layer_norm: wants gamma and beta, or scale and shift");
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_LAYER_NORM, x, gamma, beta, rows, cols);
    if (!o)
        return -1;
    o->in[3] = scale, o->in[4] = shift, o->eps = eps;
    return o->out;
}

int loam_graph_unary(loam_graph *g, loam_unary f, int x)
{
    int64_t cols = loam_graph_columns_of(g, x, "unary");
    loam_op *o = cols < 0 ? NULL : add_op(g, LOAM_OP_UNARY, x, -1, -1, g->tensors[x].shape[0], cols);
    if (!o)
        return -1;
    o->f = f;
    return o->out;
}

int loam_graph_add_spread(loam_graph *g, int x, int spread)
{
    int64_t cols = fixed_columns(g, x, "add_spread");
    if (cols < 0 || !spreads(g, spread, g->tensors[x].shape[0], cols, "add_spread"))
        return -1;
    loam_op *o = add_op(g, LOAM_OP_ADD_SPREAD, x, spread, -1, g->tensors[x].shape[0], cols);
    return o ? o->out : -1;
}

int loam_graph_mul_add(loam_graph *g, int x, int y, int spread)
{
    int64_t cols = fixed_columns(g, x, "mul_add"), cy = fixed_columns(g, y, "mul_add");
    if (cols < 0 || cy < 0 || !spreads(g, spread, g->tensors[x].shape[0], cols, "mul_add"))
        return -1;
    if (cy != cols || g->tensors[y].shape[0] != g->tensors[x].shape[0]) {
        GRAPH_FAIL(g, INVALID, "mul_add: the shapes differ");
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_MUL_ADD, x, y, spread, g->tensors[x].shape[0], cols);
    return o ? o->out : -1;
}

int loam_graph_concat(loam_graph *g, int a, int b)
{
    int64_t ca = fixed_columns(g, a, "concat"), cb = fixed_columns(g, b, "concat");
    if (ca < 0 || cb < 0)
        return -1;
    int64_t ra = g->tensors[a].shape[0], rb = g->tensors[b].shape[0];
    if (ra != rb) {
        GRAPH_FAIL(g, INVALID, "concat of %lld and %lld rows", (long long)ra, (long long)rb);
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_CONCAT, a, b, -1, ra, ca + cb);
    return o ? o->out : -1;
}

int loam_graph_stack(loam_graph *g, int a, int b)
{
    int64_t ca = fixed_columns(g, a, "stack"), cb = fixed_columns(g, b, "stack");
    if (ca < 0 || cb < 0)
        return -1;
    if (ca != cb) {
        GRAPH_FAIL(g, INVALID, "stack of %lld and %lld columns", (long long)ca, (long long)cb);
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_STACK, a, b, -1, g->tensors[a].shape[0] + g->tensors[b].shape[0], ca);
    return o ? o->out : -1;
}

int loam_graph_slice(loam_graph *g, int x, int64_t row0, int64_t n_rows, int64_t col0, int64_t n_cols)
{
    int64_t cols = fixed_columns(g, x, "slice");
    if (cols < 0)
        return -1;
    if (row0 < 0 || n_rows < 1 || row0 + n_rows > g->tensors[x].shape[0] || col0 < 0 || n_cols < 1 ||
        col0 + n_cols > cols) {
        GRAPH_FAIL(g, INVALID, "slice: rows %lld + %lld and columns %lld + %lld of [%lld, %lld]", (long long)row0,
                   (long long)n_rows, (long long)col0, (long long)n_cols, (long long)g->tensors[x].shape[0],
                   (long long)cols);
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_SLICE, x, -1, -1, n_rows, n_cols);
    if (!o)
        return -1;
    o->row0 = row0, o->col0 = col0;
    return o->out;
}

int loam_graph_upsample(loam_graph *g, int x, int64_t n, int64_t h, int64_t w, int64_t oh, int64_t ow)
{
    int64_t cols = fixed_columns(g, x, "upsample");
    if (cols < 0)
        return -1;
    if (g->tensors[x].shape[0] != n * h * w || oh > 2 * h || oh < 2 * h - 1 || ow > 2 * w || ow < 2 * w - 1) {
        GRAPH_FAIL(g, INVALID, "upsample of %lld x %lld to %lld x %lld", (long long)h, (long long)w, (long long)oh,
                   (long long)ow);
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_UPSAMPLE, x, -1, -1, n * oh * ow, cols);
    if (!o)
        return -1;
    o->conv = (loam_conv){.n = n, .h = h, .w = w, .oh = oh, .ow = ow};
    return o->out;
}

int loam_graph_swap_rows(loam_graph *g, int x, int64_t n, int64_t a, int64_t b)
{
    int64_t cols = fixed_columns(g, x, "swap_rows");
    if (cols < 0)
        return -1;
    if (n < 1 || a < 1 || b < 1 || g->tensors[x].shape[0] != n * a * b) {
        GRAPH_FAIL(g, INVALID, "swap_rows: %lld rows are not %lld x %lld x %lld", (long long)g->tensors[x].shape[0],
                   (long long)n, (long long)a, (long long)b);
        return -1;
    }
    loam_op *o = add_op(g, LOAM_OP_SWAP_ROWS, x, -1, -1, n * a * b, cols);
    if (!o)
        return -1;
    o->n = n, o->n_q = a, o->n_k = b;
    return o->out;
}

static int attend(loam_graph *g, int q, int k, int v, int bias, int64_t n, int n_heads, float scale, bool causal,
                  bool half)
{
    int64_t cols = fixed_columns(g, q, "attend"), ck = fixed_columns(g, k, "attend"),
            cv = fixed_columns(g, v, "attend");
    if (cols < 0 || ck < 0 || cv < 0 || n_heads < 1 ||
        !loam_graph_heads_fit(g, q, n_heads, (int)(cols / n_heads), "attend"))
        return -1;
    int64_t rows = g->tensors[q].shape[0], rows_k = g->tensors[k].shape[0];
    if (ck != cols || cv != cols || g->tensors[v].shape[0] != rows_k || n < 1 || rows % n || rows_k % n ||
        (causal && rows != rows_k)) {
        GRAPH_FAIL(g, INVALID, "attention of %lld sequences: q [%lld, %lld], k [%lld, %lld], v [%lld, %lld]",
                   (long long)n, (long long)rows, (long long)cols, (long long)rows_k, (long long)ck,
                   (long long)g->tensors[v].shape[0], (long long)cv);
        return -1;
    }
    int64_t n_q = rows / n, n_k = rows_k / n;
    int head_dim = (int)(cols / n_heads);
    if (bias >= 0 && (fixed_columns(g, bias, "attend") != n_k || g->tensors[bias].shape[0] != n_heads * n_q)) {
        GRAPH_FAIL(g, INVALID, "attention: the bias is not [%lld, %lld]", (long long)(n_heads * n_q), (long long)n_k);
        return -1;
    }
    int64_t floats = (int64_t)(loam_attend_k_floats(n_k, head_dim) + loam_attend_v_floats(n_k, head_dim));
    if (half)
        floats = (int64_t)(loam_attend_k_half_floats(n_k, head_dim) + loam_attend_v_half_floats(n_k, head_dim));
    loam_op *p = add_op(g, LOAM_OP_ATTEND_PACK, k, v, -1, n * n_heads, floats);
    if (!p)
        return -1;
    p->n = n, p->n_heads = n_heads, p->head_dim = head_dim, p->n_k = n_k, p->half = half;
    int packed = p->out;
    loam_op *o = add_op(g, LOAM_OP_ATTEND, q, packed, bias, rows, cols);
    if (!o)
        return -1;
    o->n = n, o->n_heads = n_heads, o->head_dim = head_dim, o->n_q = n_q, o->n_k = n_k;
    o->scale = scale, o->causal = causal, o->half = half;
    return o->out;
}

int loam_graph_attend(loam_graph *g, int q, int k, int v, int bias, int64_t n, int n_heads, float scale, bool causal)
{
    return attend(g, q, k, v, bias, n, n_heads, scale, causal, false);
}

int loam_graph_attend_half(loam_graph *g, int q, int k, int v, int64_t n, int n_heads, float scale)
{
    return attend(g, q, k, v, -1, n, n_heads, scale, false, true);
}
