/* Attention without a cache in bf16 AMX tiles (Dao et al. 2022), for nets whose products run in bf16: q, k, v and the
 * weights are rounded to bf16, sums and softmax are f32.
 *
 * K lies as [keys/16][head_dim/32] tiles of [16 pairs of columns][16 keys][2], V as [keys/32][head_dim/16] tiles of
 * [16 pairs of keys][16 columns][2], where pair i are the keys i and 16 + i of their 32: so two vectors of weights
 * become one row of a tile by a shift and a blend. Behind V's columns is one of ones, which sums the weights as they
 * are after rounding; zeros fill up the rest.
 * Keys are filled up with copies of the last one, whose scores change no maximum and whose weights meet zeros. Keys go
 * in blocks, in which 32 rows at a time are taken from scores to output. A row's operations are the same
 * whatever rows share its tiles. */
#define _GNU_SOURCE
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernel/avx512/bf16.h"
#include "kernel/avx512/tiles.h"
#include "kernel/kernel_int.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    BLOCK = 160,         /* keys, few enough for the first cache */
    SCORES = BLOCK + 16, /* strides that keep the rows of a tile apart in the cache */
    WEIGHTS = BLOCK + 32,
};

typedef struct amx_scratch {
    _Alignas(64) uint16_t q[LOAM_ATTEND_ROWS * LOAM_MAX_HEAD_DIM];
    _Alignas(64) float scores[2 * ROWS][SCORES];
    _Alignas(64) uint16_t weights[2 * ROWS][WEIGHTS];
    _Alignas(64) float out[LOAM_ATTEND_ROWS * (LOAM_MAX_HEAD_DIM + 16)];
    float top[LOAM_ATTEND_ROWS]; /* what is subtracted from the scores */
} amx_scratch;
_Static_assert(sizeof(amx_scratch) <= LOAM_ATTEND_SCRATCH, "LOAM_ATTEND_SCRATCH is too small");
_Static_assert(LOAM_MAX_HEAD_DIM % CHUNK == 0, "padded columns");

INLINE int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

INLINE __mmask16 first(int64_t n)
{
    return (__mmask16)(n >= 16 ? 0xFFFF : n <= 0 ? 0 : (1u << n) - 1);
}

/* Columns [0, n) of x times `by`, in bf16, zeros behind; n ≤ 32. */
INLINE __m512i load_bf16(const float *x, int64_t n, __m512 by)
{
    const __m512 a = _mm512_maskz_loadu_ps(first(n), x), b = _mm512_maskz_loadu_ps(first(n - 16), x + 16);
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(b, by), _mm512_mul_ps(a, by));
}

/* x[i][j] to x[j][i] in elements of 32 bits. */
static void transpose(__m512i x[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            x[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + 2 + j]);
            x[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + 2 + j]);
        }
    for (int j = 0; j < 4; j++) { /* x[4·i + j] has columns j, 4 + j, 8 + j, 12 + j of rows 4·i .. 4·i + 3 */
        const __m512i a = _mm512_shuffle_i32x4(x[j], x[4 + j], 0x88), b = _mm512_shuffle_i32x4(x[j], x[4 + j], 0xDD),
                      c = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0x88),
                      d = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0xDD);
        t[j] = _mm512_shuffle_i32x4(a, c, 0x88);
        t[4 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
        t[8 + j] = _mm512_shuffle_i32x4(a, c, 0xDD);
        t[12 + j] = _mm512_shuffle_i32x4(b, d, 0xDD);
    }
    memcpy(x, t, sizeof t);
}

/* One row of V's tile: columns of one key in the low halves, of another in the high ones. */
INLINE __m512i load_pair(const float *a, const float *b, __mmask16 in_a, __mmask16 in_b)
{
    const __m256i lo = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(in_a, a)),
                  hi = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(in_b, b));
    return _mm512_or_si512(_mm512_cvtepu16_epi32(lo), _mm512_slli_epi32(_mm512_cvtepu16_epi32(hi), 16));
}

void loam_attend_pack_bf16_amx(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0,
                               int64_t m, int64_t n_k, int head_dim, float *kp, float *vp)
{
    const int64_t end = r0 + m, chunks = round_up(head_dim, CHUNK) / CHUNK, groups = head_dim / 16 + 1;
    const __m512 one = _mm512_set1_ps(1);
    char *to = (char *)kp + r0 / 16 * chunks * TILE;
    for (int64_t r = r0; r < round_up(end, 32); r += 16)
        for (int64_t d = 0; d < head_dim; d += CHUNK, to += TILE) {
            __m512i x[16];
            for (int64_t i = 0; i < 16; i++)
                x[i] = load_bf16(k + (r + i < end ? r + i : end - 1) * k_stride + d, head_dim - d, one);
            transpose(x);
            for (int i = 0; i < 16; i++)
                _mm512_storeu_si512(to + i * 64, x[i]);
        }
    to = (char *)vp + r0 / 32 * groups * TILE;
    for (int64_t r = r0; r < end; r += 32)
        for (int64_t d = 0; d < groups * 16; d += 16)
            for (int64_t i = r; i < r + 16; i++, to += 64) {
                const __mmask16 cols = first(head_dim - d), behind = first(head_dim + 1 - d) & ~cols;
                const __m512i ones = _mm512_set1_epi32((i < end ? 0x3F80 : 0) | (i + 16 < end ? 0x3F800000 : 0));
                const __m512i x = load_pair(v + i * v_stride + d, v + (i + 16) * v_stride + d, i < end ? cols : 0,
                                            i + 16 < end ? cols : 0);
                _mm512_storeu_si512(to, _mm512_mask_mov_epi32(x, behind, ones));
            }
    (void)n_k;
}

/* The scores of R tiles of rows against n_tiles tiles of keys, for C = 1 or 2 tiles of columns: the rows stay in tiles,
 * and one sum is stored while the other is computed. */
INLINE void scores_narrow(const int R, const int C, const uint16_t *q, const char *k, int64_t n_tiles,
                          float (*out)[SCORES])
{
    const int64_t d_pad = C * CHUNK;
    _tile_loadd(4, q, d_pad * 2);
    if (C > 1)
        _tile_loadd(5, q + CHUNK, d_pad * 2);
    if (R > 1) {
        _tile_loadd(6, q + ROWS * d_pad, d_pad * 2);
        if (C > 1)
            _tile_loadd(7, q + ROWS * d_pad + CHUNK, d_pad * 2);
    }
    for (int64_t j = 0; j < n_tiles; j++, k += C * TILE) {
        _tile_loadd(2, k, 64);
        _tile_zero(0);
        _tile_dpbf16ps(0, 4, 2);
        if (C > 1) {
            _tile_loadd(3, k + TILE, 64);
            _tile_dpbf16ps(0, 5, 3);
        }
        if (R > 1) {
            if (j > 0)
                _tile_stored(1, &out[ROWS][j * 16 - 16], SCORES * 4);
            _tile_zero(1);
            _tile_dpbf16ps(1, 6, 2);
            if (C > 1)
                _tile_dpbf16ps(1, 7, 3);
        }
        _tile_stored(0, &out[0][j * 16], SCORES * 4);
    }
    if (R > 1)
        _tile_stored(1, &out[ROWS][n_tiles * 16 - 16], SCORES * 4);
}

/* For any number of columns; n_tiles is even. */
INLINE void scores_wide(const int R, const uint16_t *q, int64_t d_pad, const char *k, int64_t n_tiles,
                        float (*out)[SCORES])
{
    const int64_t chunks = d_pad / CHUNK;
    const long stride = (long)d_pad * 2;
    for (int64_t j = 0; j < n_tiles; j += 2, k += 2 * chunks * TILE) {
        const char *k0 = k, *k1 = k + chunks * TILE;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int64_t c = 0; c < chunks; c++) {
            _tile_loadd(4, q + c * CHUNK, stride);
            _tile_loadd(6, k0 + c * TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, k1 + c * TILE, 64);
            _tile_dpbf16ps(1, 4, 7);
            if (R > 1) {
                _tile_loadd(5, q + ROWS * d_pad + c * CHUNK, stride);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
        }
        _tile_stored(0, &out[0][j * 16], SCORES * 4);
        _tile_stored(1, &out[0][j * 16 + 16], SCORES * 4);
        if (R > 1) {
            _tile_stored(2, &out[ROWS][j * 16], SCORES * 4);
            _tile_stored(3, &out[ROWS][j * 16 + 16], SCORES * 4);
        }
    }
}

INLINE void scores(const int R, const uint16_t *q, int64_t d_pad, const char *k, int64_t n_tiles, float (*out)[SCORES])
{
    if (d_pad == CHUNK)
        scores_narrow(R, 1, q, k, n_tiles, out);
    else if (d_pad == 2 * CHUNK)
        scores_narrow(R, 2, q, k, n_tiles, out);
    else
        scores_wide(R, q, d_pad, k, n_tiles, out);
}

/* out (zero when `fresh`) grows by the weights times V over n_chunks · 32 keys, in R tiles of rows and G of columns. */
#define SUMS(R, G, DO)   \
    DO(0, 0, 0);         \
    if (G > 1)           \
        DO(1, 0, 1);     \
    if (G > 2)           \
        DO(2, 0, 2);     \
    if (R > 1) {         \
        DO(3, 1, 0);     \
        if (G > 1)       \
            DO(4, 1, 1); \
        if (G > 2)       \
            DO(5, 1, 2); \
    }
#define SUM_ZERO(sum, r, g) _tile_zero(sum)
#define SUM_LOAD(sum, r, g) _tile_loadd(sum, out + (r)*ROWS * stride + (g)*16, (long)stride * 4)
#define SUM_STORE(sum, r, g) _tile_stored(sum, out + (r)*ROWS * stride + (g)*16, (long)stride * 4)
#define SUM_ADD(sum, r, g)                                              \
    do {                                                                \
        if (g == 0)                                                     \
            _tile_loadd(6, &weights[(r)*ROWS][c * CHUNK], WEIGHTS * 2); \
        _tile_loadd(7, v + (c * groups + (g)) * TILE, 64);              \
        _tile_dpbf16ps(sum, 6, 7);                                      \
    } while (0)
INLINE void output_tiles(const int R, const int G, const uint16_t (*weights)[WEIGHTS], const char *v, int64_t n_chunks,
                         int64_t groups, bool fresh, float *out)
{
    const int64_t stride = groups * 16;
    if (fresh) {
        SUMS(R, G, SUM_ZERO)
    } else {
        SUMS(R, G, SUM_LOAD)
    }
    for (int64_t c = 0; c < n_chunks; c++) {
        SUMS(R, G, SUM_ADD)
    }
    SUMS(R, G, SUM_STORE)
}

INLINE void output(const int R, const uint16_t (*weights)[WEIGHTS], const char *v, int64_t n_chunks, int64_t groups,
                   bool fresh, float *out)
{
    for (int64_t g = 0; g < groups;) {
        const int64_t left = groups - g, take = left == 1 ? 1 : left % 2 ? 3 : 2;
        if (take == 3)
            output_tiles(R, 3, weights, v + g * TILE, n_chunks, groups, fresh, out + g * 16);
        else if (take == 2)
            output_tiles(R, 2, weights, v + g * TILE, n_chunks, groups, fresh, out + g * 16);
        else
            output_tiles(R, 1, weights, v + g * TILE, n_chunks, groups, fresh, out + g * 16);
        g += take;
    }
}

/* 2^x · (1 ± 0.8e-4), and half a unit of bf16 more in [1, 2), so that cutting off the lower 16 bits rounds. Results
 * below 2^-126 are 0 (the caller sets flush-to-zero). */
INLINE __m512i exp2_bits(__m512 x)
{
    const __m512 f = _mm512_reduce_ps(x, 0x09); /* x - ⌊x⌋ */
    __m512 p = _mm512_fmadd_ps(f, _mm512_set1_ps(0.07802455f), _mm512_set1_ps(0.22606718f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.69583349f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.99992523f + 0x1p-8f));
    return _mm512_castps_si512(_mm512_scalef_ps(p, x));
}

/* Weights of one row from `cols` scores minus top; returns their largest by lanes: of numbers that are not negative,
 * bf16 is ordered as its bits are. */
INLINE __m512i row_weights(const bool shifted, const float *x, int64_t cols, float top, uint16_t *w)
{
    const __m512 minus = _mm512_set1_ps(top);
    __m512i most = _mm512_setzero_si512();
    for (int64_t i = 0; i < cols; i += 32) {
        __m512 a = _mm512_load_ps(x + i), b = _mm512_load_ps(x + i + 16);
        if (shifted) {
            a = _mm512_sub_ps(a, minus);
            b = _mm512_sub_ps(b, minus);
        }
        const __m512i pair = _mm512_mask_blend_epi16(0xAAAAAAAA, _mm512_srli_epi32(exp2_bits(a), 16), exp2_bits(b));
        _mm512_store_si512(w + i, pair);
        most = _mm512_max_epu16(most, pair);
    }
    return most;
}

/* Any number not too far from a row's maximum will do for top. It starts as 0 and stays so for the usual scores; only
 * where the largest weight of a block tells that it will not do are the weights computed anew from the maximum. */
static __attribute__((noinline)) void weights(amx_scratch *s, int64_t r0, int64_t rows, int64_t cols, bool fresh,
                                              int64_t out_stride)
{
    const __m512i large = _mm512_set1_epi16(0x5D80), small = _mm512_set1_epi16(0x2180); /* 2^60, 2^-60 */
    for (int64_t r = 0; r < rows; r++) {
        float *x = s->scores[r], *top = &s->top[r0 + r];
        const __m512i most =
            *top == 0 ? row_weights(false, x, cols, 0, s->weights[r]) : row_weights(true, x, cols, *top, s->weights[r]);
        if (_mm512_cmpgt_epu16_mask(most, large) || (fresh && !_mm512_cmpgt_epu16_mask(most, small))) {
            __m512 m = _mm512_load_ps(x);
            for (int64_t i = 16; i < cols; i += 16)
                m = _mm512_max_ps(m, _mm512_load_ps(x + i));
            float now = _mm512_reduce_max_ps(m);
            now = now > -INFINITY ? now : 0;
            if (!fresh) {
                float *out = s->out + (r0 + r) * out_stride;
                const float shrink = exp2f(*top - now);
                for (int64_t d = 0; d < out_stride; d++)
                    out[d] *= shrink;
            }
            *top = now;
            row_weights(true, x, cols, now, s->weights[r]);
        }
    }
}

void loam_attend_bf16_amx(const loam_attend_task *t, void *scratch)
{
    enum { FLUSH = 0x8040 }; /* denormal results and operands are 0 */
    amx_scratch *s = scratch;
    const int64_t d_pad = round_up(t->head_dim, CHUNK), groups = t->head_dim / 16 + 1;
    const int64_t padded_rows = round_up(t->n_q, ROWS);
    const __m512 scale = _mm512_set1_ps(t->scale * 1.44269504088896341f);
    const unsigned control = _mm_getcsr();
    _mm_setcsr(control | FLUSH);
    configure_whole_tiles();
    for (int64_t r = 0; r < padded_rows; r++) {
        for (int64_t d = 0; d < d_pad; d += CHUNK)
            _mm512_store_si512(s->q + r * d_pad + d,
                               load_bf16(t->q + (r < t->n_q ? r : 0) * t->q_stride + d, t->head_dim - d, scale));
        s->top[r] = 0;
    }
    for (int64_t p0 = 0; p0 < t->n_k; p0 += BLOCK) {
        const int64_t n = t->n_k - p0 < BLOCK ? t->n_k - p0 : BLOCK, pairs = round_up(n, 32) / 32;
        const char *k = (const char *)t->k + p0 / 16 * (d_pad / CHUNK) * TILE,
                   *v = (const char *)t->v + p0 / 32 * groups * TILE;
        for (int64_t r = 0; r < t->n_q; r += 2 * ROWS) {
            const int64_t rows = t->n_q - r < 2 * ROWS ? t->n_q - r : 2 * ROWS;
            const uint16_t *q = s->q + r * d_pad;
            float *out = s->out + r * groups * 16;
            if (rows > ROWS)
                scores(2, q, d_pad, k, 2 * pairs, s->scores);
            else
                scores(1, q, d_pad, k, 2 * pairs, s->scores);
            weights(s, r, rows, pairs * 32, p0 == 0, groups * 16);
            if (rows > ROWS)
                output(2, (const uint16_t(*)[WEIGHTS])s->weights, v, pairs, groups, p0 == 0, out);
            else
                output(1, (const uint16_t(*)[WEIGHTS])s->weights, v, pairs, groups, p0 == 0, out);
        }
    }
    _tile_release();
    for (int64_t r = 0; r < t->n_q; r++) {
        const float *from = s->out + r * groups * 16;
        const __m512 inverse = _mm512_set1_ps(1.0f / from[t->head_dim]);
        for (int64_t d = 0; d < t->head_dim; d += 16)
            _mm512_mask_storeu_ps(t->out + r * t->out_stride + d, first(t->head_dim - d),
                                  _mm512_mul_ps(_mm512_load_ps(from + d), inverse));
    }
    _mm_setcsr(control);
}
