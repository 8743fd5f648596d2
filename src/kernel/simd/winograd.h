/* Winograd's minimal filtering F(4×4, 3×3) (Lavin & Gray 2016): for each tile of 4 × 4 outputs
 *     Y = Aᵀ [ Σ_channels (G g Gᵀ) ⊙ (Bᵀ d B) ] A,     d: the 6 × 6 inputs it sees, g: the 3 × 3 weights,
 * 36 multiplications instead of 144. The sum over channels (and, with taps along time, over frames: they are as more
 * channels) is 36 products of matrices U and V [tiles × channels] · [channels × columns]. The polynomials are
 * interpolated at 0, ±5/8, ±3/2 and ∞, where the usual 0, ±1, ±2, ∞ lose more digits; all constants but G's are exact
 * in f32. An infinite input may come out as NaN, also in the outputs of its tile that do not see it.
 *
 * Blocks: M, the 36 sums of some tiles × columns, stays in the second-level cache while all channels pass, WINO_K at a
 * time. V is transformed once for M's columns, U from the packed weights once for M's tiles, and of U only six matrices
 * of one sliver of columns at a time, which the first-level cache holds. */
#ifndef LOAM_KERNEL_WINOGRAD_H
#define LOAM_KERNEL_WINOGRAD_H

#include "kernel/simd/gemm_f32.h"

enum {
    WINO_TILES = LOAM_WINOGRAD_TASK_TILES, /* of a block */
    WINO_K = 64,                           /* channels of a block */
    WINO_CELLS = 4096,                     /* tiles × columns of M */
    /* From one matrix to the next: never a power of two, or the stores of a transform would meet in one set of the
     * cache. */
    WINO_V = WINO_TILES * WINO_K + 16,
    WINO_U = TILE_GROUPS * WINO_K * 16 + 16,
    WINO_M = WINO_CELLS + 16,
};
DEFINE_GEMMS(wino_tiles, WINO_K)

/* Squares and products of the points a = 5/8 and b = 3/2. */
#define WINO_A 0.625f
#define WINO_B 1.5f
#define WINO_AA (WINO_A * WINO_A)
#define WINO_BB (WINO_B * WINO_B)
#define WINO_NA (2 * WINO_AA * (WINO_AA - WINO_BB)) /* of G's rows */
#define WINO_NB (2 * WINO_BB * (WINO_BB - WINO_AA))

typedef struct wino_scratch {
    _Alignas(64) float v[36 * WINO_V]; /* [tiles][WINO_K] each */
    float u[6 * WINO_U];               /* [groups][WINO_K][16] each */
    float m[36 * WINO_M];              /* [tiles][columns] each */
    float taps[TILE_GROUPS][9 * WINO_K * 16];
    float patch[36 * WINO_K];
} wino_scratch;
_Static_assert(sizeof(wino_scratch) <= LOAM_CONV_SCRATCH, "LOAM_CONV_SCRATCH is too small");

/* Where a tile stands: its picture (a frame of the output) and its first output. */
typedef struct wino_place {
    int64_t picture, y, x;
} wino_place;
INLINE wino_place wino_place_of(const loam_conv *c, int64_t tile)
{
    int64_t across = loam_conv_tiles_w(c), per = (c->oh + 3) / 4 * across;
    return (wino_place){tile / per, tile % per / across * 4, tile % across * 4};
}

/* The frame of the input that tap dt of an output frame sees, -1: none. */
INLINE int64_t wino_frame(const loam_conv *c, int64_t picture, int dt)
{
    const int64_t t = picture % c->of + dt - c->pad_t;
    return t < 0 || t >= c->f ? -1 : picture / c->of * c->f + t;
}

/* o = Bᵀ d. */
INLINE void wino_input_1d(const vf d[6], vf o[6])
{
    const vf a = vf_set1(WINO_A), b = vf_set1(WINO_B), aa = vf_set1(WINO_AA), bb = vf_set1(WINO_BB),
             sum = vf_set1(WINO_AA + WINO_BB), product = vf_set1(WINO_AA * WINO_BB);
    o[0] = vf_fma(product, d[0], vf_fnma(sum, d[2], d[4]));
    vf even = vf_fnma(bb, d[2], d[4]), odd = vf_fnma(bb, d[1], d[3]);
    o[1] = vf_fma(a, odd, even);
    o[2] = vf_fnma(a, odd, even);
    even = vf_fnma(aa, d[2], d[4]), odd = vf_fnma(aa, d[1], d[3]);
    o[3] = vf_fma(b, odd, even);
    o[4] = vf_fnma(b, odd, even);
    o[5] = vf_fma(product, d[1], vf_fnma(sum, d[3], d[5]));
}

/* o = G g. */
INLINE void wino_weights_1d(const vf g[3], vf o[6])
{
    o[0] = vf_mul(vf_set1(1 / (WINO_AA * WINO_BB)), g[0]);
    vf even = vf_fma(vf_set1(WINO_AA / WINO_NA), g[2], vf_mul(vf_set1(1 / WINO_NA), g[0]));
    o[1] = vf_fma(vf_set1(WINO_A / WINO_NA), g[1], even);
    o[2] = vf_fnma(vf_set1(WINO_A / WINO_NA), g[1], even);
    even = vf_fma(vf_set1(WINO_BB / WINO_NB), g[2], vf_mul(vf_set1(1 / WINO_NB), g[0]));
    o[3] = vf_fma(vf_set1(WINO_B / WINO_NB), g[1], even);
    o[4] = vf_fnma(vf_set1(WINO_B / WINO_NB), g[1], even);
    o[5] = g[2];
}

/* o = Aᵀ m. */
INLINE void wino_output_1d(const vf m[6], vf o[4])
{
    vf sum_a = vf_add(m[1], m[2]), diff_a = vf_sub(m[1], m[2]), sum_b = vf_add(m[3], m[4]), diff_b = vf_sub(m[3], m[4]);
    o[0] = vf_add(m[0], vf_add(sum_a, sum_b));
    o[1] = vf_fma(vf_set1(WINO_B), diff_b, vf_mul(vf_set1(WINO_A), diff_a));
    o[2] = vf_fma(vf_set1(WINO_BB), sum_b, vf_mul(vf_set1(WINO_AA), sum_a));
    o[3] = vf_fma(vf_set1(WINO_B * WINO_BB), diff_b, vf_fma(vf_set1(WINO_A * WINO_AA), diff_a, m[5]));
}

/* V of one tile for n channels, rounded up to whole vectors; d is at in + y·y_step + x·x_step. */
static __attribute__((noinline)) void wino_input(const float *in, int64_t y_step, int64_t x_step, int64_t n, float *v)
{
    for (int64_t i = 0; i < n; i += VW) {
        vf half[6][6];
        for (int x = 0; x < 6; x++) {
            vf d[6], o[6];
            for (int y = 0; y < 6; y++)
                d[y] = vf_load(in + y * y_step + x * x_step + i);
            wino_input_1d(d, o);
            for (int y = 0; y < 6; y++)
                half[y][x] = o[y];
        }
        for (int y = 0; y < 6; y++) {
            vf o[6];
            wino_input_1d(half[y], o);
            for (int x = 0; x < 6; x++)
                vf_store(v + (y * 6 + x) * WINO_V + i, o[x]);
        }
    }
}

/* The 36 inputs of a tile × channels [channel, channel + n) of a frame, zeros outside it and behind the last channel.
 */
INLINE void wino_patch(const loam_conv *c, const float *x, int64_t x_stride, const wino_place *p, int64_t frame,
                       int64_t channel, int64_t n, float *patch)
{
    const int up = c->up ? 1 : 0;
    for (int i = 0; i < 36; i++, patch += WINO_K) {
        int64_t yy = p->y + i / 6 - 1, xx = p->x + i % 6 - 1;
        zero_floats(patch, WINO_K);
        if (frame >= 0 && yy >= 0 && yy < c->h << up && xx >= 0 && xx < c->w << up)
            copy_floats(patch, x + ((frame * c->h + (yy >> up)) * c->w + (xx >> up)) * x_stride + channel, n);
    }
}

/* V for n channels of the frames at tap dt. */
static void wino_inputs(const loam_conv *c, const float *x, int64_t x_stride, int64_t t0, int64_t n_tiles, int dt,
                        int64_t channel, int64_t n, wino_scratch *s)
{
    for (int64_t t = 0; t < n_tiles; t++) {
        wino_place p = wino_place_of(c, t0 + t);
        const int64_t frame = wino_frame(c, p.picture, dt);
        float *v = s->v + t * WINO_K;
        if (frame >= 0 && !c->up && p.y > 0 && p.x > 0 && p.y + 5 <= c->h && p.x + 5 <= c->w && n % VW == 0) {
            const float *in = x + ((frame * c->h + p.y - 1) * c->w + p.x - 1) * x_stride + channel;
            wino_input(in, c->w * x_stride, x_stride, n, v);
        } else {
            wino_patch(c, x, x_stride, &p, frame, channel, n, s->patch);
            wino_input(s->patch, 6 * WINO_K, WINO_K, n, v);
        }
    }
}

static const float wino_g[6][3] = {
    {1 / (WINO_AA * WINO_BB), 0, 0},
    {1 / WINO_NA, WINO_A / WINO_NA, WINO_AA / WINO_NA},
    {1 / WINO_NA, -WINO_A / WINO_NA, WINO_AA / WINO_NA},
    {1 / WINO_NB, WINO_B / WINO_NB, WINO_BB / WINO_NB},
    {1 / WINO_NB, -WINO_B / WINO_NB, WINO_BB / WINO_NB},
    {0, 0, 1},
};

/* Row y of U (six matrices) of one group for n channels, from its nine taps [n][16]. */
static __attribute__((noinline)) void wino_weights(int y, const float *const tap[9], int64_t n, float *u)
{
    const vf g0 = vf_set1(wino_g[y][0]), g1 = vf_set1(wino_g[y][1]), g2 = vf_set1(wino_g[y][2]);
    for (int64_t i = 0; i < n * 16; i += VW) {
        vf row[3], o[6];
        for (int x = 0; x < 3; x++)
            row[x] = vf_fma(g2, vf_load(tap[6 + x] + i),
                            vf_fma(g1, vf_load(tap[3 + x] + i), vf_mul(g0, vf_load(tap[x] + i))));
        wino_weights_1d(row, o);
        for (int x = 0; x < 6; x++)
            vf_store(u + x * WINO_U + i, o[x]);
    }
}

/* The outputs of one tile and n_cols ≤ VW columns. */
INLINE void wino_output(const loam_conv *c, const wino_place *p, const float *m, vf bias, int64_t n_cols, float *y,
                        int64_t y_stride)
{
    vf half[4][6];
    for (int x = 0; x < 6; x++) {
        vf d[6], o[4];
        for (int i = 0; i < 6; i++)
            d[i] = vf_load(m + (i * 6 + x) * WINO_M);
        wino_output_1d(d, o);
        for (int i = 0; i < 4; i++)
            half[i][x] = o[i];
    }
    for (int i = 0; i < 4 && p->y + i < c->oh; i++) {
        vf o[4];
        wino_output_1d(half[i], o);
        float *row = y + ((p->picture * c->oh + p->y + i) * c->ow + p->x) * y_stride;
        for (int x = 0; x < 4 && p->x + x < c->ow; x++) {
            vf sum = vf_add(o[x], bias);
            if (n_cols == VW)
                vf_store(row + x * y_stride, sum);
            else
                vf_store_part(row + x * y_stride, n_cols, sum);
        }
    }
}

static void wino_outputs(const loam_conv *c, int64_t t0, int64_t n_tiles, int64_t n_cols, const float *m,
                         int64_t m_stride, const float *bias, float *y, int64_t y_stride)
{
    for (int64_t t = 0; t < n_tiles; t++) {
        wino_place p = wino_place_of(c, t0 + t);
        for (int64_t i = 0; i < n_cols; i += VW) {
            int64_t n = n_cols - i < VW ? n_cols - i : VW;
            vf b = !bias ? vf_zero() : n == VW ? vf_load(bias + i) : vf_load_part(bias + i, n);
            wino_output(c, &p, m + t * m_stride + i, b, n, y + i, y_stride);
        }
    }
}

/* Whether tap dt of any of the tiles sees a frame. */
INLINE bool wino_sees(const loam_conv *c, int64_t t0, int64_t n_tiles, int dt)
{
    const int64_t last = wino_place_of(c, t0 + n_tiles - 1).picture;
    for (int64_t picture = wino_place_of(c, t0).picture; picture <= last; picture++)
        if (wino_frame(c, picture, dt) >= 0)
            return true;
    return false;
}

/* M (+)= U · V for k channels, whose weights begin at row0 of each tap (taps are c rows apart), and n_groups groups,
 * from column `col` of M on. */
INLINE void wino_products(const loam_packed *w, int64_t c, int64_t g, int n_groups, bool first, int64_t row0, int64_t k,
                          int64_t n_tiles, wino_scratch *s, int64_t col, int64_t m_stride)
{
    static const float zeros[SLIVER];
    const float *tap[TILE_GROUPS][9];
    for (int i = 0; i < n_groups; i++)
        for (int j = 0; j < 9; j++)
            tap[i][j] = widen(w, g + i, j * c + row0, k, s->taps[i] + j * WINO_K * 16);
    for (int y = 0; y < 6; y++) {
        for (int i = 0; i < n_groups; i++)
            wino_weights(y, tap[i], k, s->u + i * WINO_K * 16);
        for (int x = 0; x < 6; x++) {
            float *m = s->m + (y * 6 + x) * WINO_M + col;
            const float *u = s->u + x * WINO_U, *add = first ? zeros : m;
            gemm_rows(wino_tiles, WINO_K, s->v + (y * 6 + x) * WINO_V, n_tiles, u, u + WINO_K * 16, n_groups, k, add,
                      first ? 0 : m_stride, m, m_stride);
        }
    }
}

static void winograd(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t t0,
                     int64_t n_tiles, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                     void *scratch)
{
    wino_scratch *s = scratch;
    for (int64_t t = 0; t < n_tiles; t += WINO_TILES) {
        int64_t nt = n_tiles - t < WINO_TILES ? n_tiles - t : WINO_TILES;
        int64_t most = WINO_CELLS / 16 / nt / TILE_GROUPS * TILE_GROUPS, parts = (n_groups + most - 1) / most,
                per_part = ((n_groups + parts - 1) / parts + TILE_GROUPS - 1) / TILE_GROUPS * TILE_GROUPS;
        for (int64_t part = 0; part < n_groups; part += per_part) {
            int64_t ng = n_groups - part < per_part ? n_groups - part : per_part, cols = w->n - (g0 + part) * 16;
            bool first = true;
            for (int dt = 0; dt < c->kt; dt++)
                for (int64_t k = 0; k < c->c && wino_sees(c, t0 + t, nt, dt); k += WINO_K, first = false) {
                    int64_t kb = c->c - k < WINO_K ? c->c - k : WINO_K;
                    wino_inputs(c, x, x_stride, t0 + t, nt, dt, k, kb, s);
                    for (int64_t g = 0; g < ng; g += TILE_GROUPS)
                        wino_products(w, c->c, g0 + part + g, ng - g < TILE_GROUPS ? 1 : TILE_GROUPS, first,
                                      dt * 9 * c->c + k, kb, nt, s, g * 16, ng * 16);
                }
            wino_outputs(c, t0 + t, nt, cols < ng * 16 ? cols : ng * 16, s->m, ng * 16, bias ? bias + part * 16 : NULL,
                         y + part * 16, y_stride);
        }
    }
}

#endif
