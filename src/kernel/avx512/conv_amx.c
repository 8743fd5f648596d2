/* Convolutions of bf16 rows with BF16 weights on AMX, without gathering: the part of the input that a block of outputs
 * sees lies in the scratch as one patch with its zero borders, 32 channels after the other and of each all positions in
 * order. A tap of sixteen neighbouring outputs is then a tile of sixteen neighbouring positions, a fixed distance away.
 * Outputs are computed for all positions of the patch's lines, also for the few between two lines that are none.
 *
 * The patch stays in the second-level cache. For 32 columns at a time the weights of a block of steps stay in
 * the first while all positions pass; the steps are the taps of 32 channels, then those of the next,
 * so that the taps of a line find in the first-level cache what their neighbours read. Sums run over the steps in
 * order, each output alone: its bits do not depend on where it stands in a block. */
#define _GNU_SOURCE
#include <immintrin.h>
#include <string.h>

#include "kernel/avx512/bf16.h"
#include "kernel/avx512/tiles.h"
#include "kernel/kernel_int.h"

enum {
    BLOCK = 13,                       /* steps (tiles of a group's weights) of a block; from timings */
    WIDE = 64,                        /* outputs of a line in a block */
    POSITIONS = 2048,                 /* of the outputs in a block, at most */
    PATCH = LOAM_CONV_HALF_PATCH,     /* bytes */
    STEPS = LOAM_CONV_HALF_MAX_K / 32 /* of all k */
};

typedef struct half_scratch {
    _Alignas(64) uint8_t patch[PATCH];
    float sums[POSITIONS][32];
    int32_t at[STEPS];      /* where a step's input begins in the patch, for the first output */
    int32_t weights[STEPS]; /* and where its weights do in a group */
} half_scratch;
_Static_assert(sizeof(half_scratch) <= LOAM_CONV_SCRATCH, "LOAM_CONV_SCRATCH is too small");

/* Outputs [y0, y0 + h) × [x0, x0 + w) of one frame, and the patch that they see. */
typedef struct block {
    int64_t picture, t, y0, x0, h, w;
    int64_t ph, pw; /* of the patch */
    int64_t n;      /* positions from the first output to the last */
    size_t plane;   /* bytes of 32 channels of the patch */
} block;

/* Lines of a block w wide; 0: not even one. Behind the last position the tiles may read fifteen more. */
static int64_t lines_that_fit(const loam_conv *c, int64_t w)
{
    int64_t pw = w + c->kw - 1, most = (PATCH / 64 - ROWS) / (c->c / CHUNK);
    int64_t lines = most / (c->kt * pw) - (c->kh - 1), by_sums = POSITIONS / pw;
    return lines < 0 ? 0 : lines < by_sums ? lines : by_sums;
}

static void fill_patch(const loam_conv *c, const block *b, const uint8_t *x, size_t x_stride, uint8_t *patch)
{
    const int up = c->up ? 1 : 0;
    for (int dt = 0; dt < c->kt; dt++)
        for (int64_t y = 0; y < b->ph; y++) {
            int64_t t = b->t * c->stride_t + dt - c->pad_t, yy = b->y0 + y - c->pad_top;
            bool inside = t >= 0 && t < c->f && yy >= 0 && yy < c->h << up;
            const uint8_t *line =
                inside ? x + (size_t)(((b->picture * c->f + t) * c->h + (yy >> up)) * c->w) * x_stride : NULL;
            for (int64_t i = 0; i < b->pw; i++, patch += 64) {
                int64_t xx = b->x0 + i - c->pad_left;
                const uint8_t *from =
                    inside && xx >= 0 && xx < c->w << up ? line + (size_t)(xx >> up) * x_stride : NULL;
                for (size_t j = 0; j < (size_t)c->c / CHUNK; j++)
                    _mm512_store_si512(patch + j * b->plane,
                                       from ? _mm512_loadu_si512(from + j * 64) : _mm512_setzero_si512());
            }
        }
}

static void find_steps(const loam_conv *c, const block *b, int32_t *at, int32_t *weights)
{
    const int64_t chunks = c->c / CHUNK;
    for (int64_t i = 0; i < chunks; i++)
        for (int dt = 0; dt < c->kt; dt++)
            for (int dy = 0; dy < c->kh; dy++)
                for (int dx = 0; dx < c->kw; dx++) {
                    *at++ = (int32_t)((size_t)i * b->plane + (size_t)((dt * b->ph + dy) * b->pw + dx) * 64);
                    *weights++ = (int32_t)((((dt * c->kh + dy) * c->kw + dx) * chunks + i) * TILE);
                }
}

/* Up to 32 positions × 32 columns: a step after the other, n of them, added to sums (`first`: to zero). below: whether
 * there are more than 16 positions; second: a second group of columns. */
static inline __attribute__((always_inline)) void tiles(const uint8_t *patch, const uint8_t *w0, const uint8_t *w1,
                                                        const int32_t *at, const int32_t *weights, int64_t n,
                                                        bool below, bool second, bool first, float sums[][32])
{
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums[0], 128);
        if (second)
            _tile_loadd(1, sums[0] + 16, 128);
        if (below)
            _tile_loadd(2, sums[ROWS], 128);
        if (below && second)
            _tile_loadd(3, sums[ROWS] + 16, 128);
    }
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *a = patch + at[i];
        _tile_loadd(4, a, 64);
        _tile_loadd(6, w0 + weights[i], 64);
        _tile_dpbf16ps(0, 4, 6);
        if (second) {
            _tile_loadd(7, w1 + weights[i], 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (below) {
            _tile_loadd(5, a + TILE, 64);
            _tile_dpbf16ps(2, 5, 6);
            if (second)
                _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums[0], 128);
    if (second)
        _tile_stored(1, sums[0] + 16, 128);
    if (below)
        _tile_stored(2, sums[ROWS], 128);
    if (below && second)
        _tile_stored(3, sums[ROWS] + 16, 128);
}

/* Where sums go: two groups of columns of the output. */
typedef struct target {
    float *y;
    int64_t y_stride;
    __m512 bias[2];
    __mmask16 mask[2];
} target;

static target target_new(const float *bias, int64_t n_cols, float *y, int64_t y_stride)
{
    target t = {.y = y, .y_stride = y_stride};
    for (int i = 0; i < 2; i++) {
        int64_t n = n_cols - i * 16;
        t.mask[i] = n >= 16 ? 0xFFFF : n > 0 ? (__mmask16)((1u << n) - 1) : 0;
        t.bias[i] = bias ? _mm512_maskz_loadu_ps(t.mask[i], bias + i * 16) : _mm512_setzero_ps();
    }
    return t;
}

/* The finished sums of up to 32 positions from p on to their outputs. */
static inline void write_out(const loam_conv *c, const block *b, const target *to, int64_t p, const half_scratch *s)
{
    const int64_t end = p + 2 * ROWS < b->n ? p + 2 * ROWS : b->n;
    for (int64_t i = p / b->pw, j = p % b->pw; p < end; i++, p += b->pw - j, j = 0) {
        float *y = to->y + (((b->picture * c->of + b->t) * c->oh + b->y0 + i) * c->ow + b->x0 + j) * to->y_stride;
        for (int64_t q = p; q < end && q - p < b->w - j; q++, y += to->y_stride) {
            _mm512_mask_storeu_ps(y, to->mask[0], _mm512_add_ps(_mm512_load_ps(s->sums[q]), to->bias[0]));
            if (to->mask[1])
                _mm512_mask_storeu_ps(y + 16, to->mask[1], _mm512_add_ps(_mm512_load_ps(s->sums[q] + 16), to->bias[1]));
        }
    }
}

/* One or two groups of columns for all positions of a block. */
static void compute(const loam_conv *c, const block *b, int64_t n_steps, const uint8_t *w0, const uint8_t *w1,
                    bool second, const target *to, half_scratch *s)
{
    const int64_t pieces = (b->n + 2 * ROWS - 1) / (2 * ROWS);
    for (int64_t k = 0, n; k < n_steps; k += n) {
        n = n_steps - k < BLOCK ? n_steps - k : BLOCK;
        const int64_t later = n_steps - k - n, lines = (later < BLOCK ? later : BLOCK) * ROWS; /* of the next block */
        const int32_t *at = s->at + k, *weights = s->weights + k;
        for (int64_t p = 0, l = 0; p < b->n; p += 2 * ROWS) {
            const uint8_t *patch = s->patch + (size_t)p * 64;
            const bool below = b->n - p > ROWS;
            for (const int64_t end = (p / (2 * ROWS) + 1) * lines / pieces; l < end; l++) {
                const int64_t next = weights[n + l / ROWS] + l % ROWS * 64;
                _mm_prefetch((const char *)w0 + next, _MM_HINT_T1);
                _mm_prefetch((const char *)w1 + next, _MM_HINT_T1);
            }
            if (second && below)
                tiles(patch, w0, w1, at, weights, n, true, true, k == 0, &s->sums[p]);
            else if (second)
                tiles(patch, w0, w1, at, weights, n, false, true, k == 0, &s->sums[p]);
            else if (below)
                tiles(patch, w0, w1, at, weights, n, true, false, k == 0, &s->sums[p]);
            else
                tiles(patch, w0, w1, at, weights, n, false, false, k == 0, &s->sums[p]);
            if (later == 0)
                write_out(c, b, to, p, s);
        }
    }
}

void loam_conv_half_amx(const loam_conv *c, const void *x, size_t x_stride, const loam_packed *w, int64_t l0,
                        int64_t n_lines, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                        void *scratch)
{
    half_scratch *s = scratch;
    configure_whole_tiles();
    int64_t across = (c->ow + WIDE - 1) / WIDE, wide = (c->ow + across - 1) / across;
    while (wide > 1 && lines_that_fit(c, wide) < 1)
        wide = (wide + 1) / 2;
    const int64_t fit = lines_that_fit(c, wide);
    for (int64_t l = l0, lines; l < l0 + n_lines; l += lines) { /* the lines of one frame */
        block b = {.t = l / c->oh % c->of, .picture = l / (c->oh * c->of)};
        const int64_t y0 = l % c->oh;
        lines = c->oh - y0 < l0 + n_lines - l ? c->oh - y0 : l0 + n_lines - l;
        const int64_t down = (lines + fit - 1) / fit, high = (lines + down - 1) / down;
        for (int64_t part = 0; part < lines; part += high)
            for (b.x0 = 0; b.x0 < c->ow; b.x0 += wide) {
                b.y0 = y0 + part;
                b.h = lines - part < high ? lines - part : high;
                b.w = c->ow - b.x0 < wide ? c->ow - b.x0 : wide;
                b.ph = b.h + c->kh - 1;
                b.pw = b.w + c->kw - 1;
                b.n = (b.h - 1) * b.pw + b.w;
                b.plane = (size_t)(c->kt * b.ph * b.pw) * 64;
                fill_patch(c, &b, x, x_stride, s->patch);
                find_steps(c, &b, s->at, s->weights);
                for (int64_t g = 0; g < n_groups; g += 2) {
                    const bool second = g + 1 < n_groups;
                    const uint8_t *w0 = w->data + (size_t)(g0 + g) * w->group_bytes;
                    const int64_t left = w->n - (g0 + g) * 16, cols = second ? 32 : 16;
                    const target to =
                        target_new(bias ? bias + g * 16 : NULL, left < cols ? left : cols, y + g * 16, y_stride);
                    compute(c, &b, w->k / CHUNK, w0, second ? w0 + w->group_bytes : w0, second, &to, s);
                }
            }
    }
    _tile_release();
}
