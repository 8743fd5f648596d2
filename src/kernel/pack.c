#include "kernel/pack.h"

#include <string.h>

#include "base/checked.h"

const int8_t loam_book_iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t loam_book_mxfp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

enum { COLS = LOAM_PACK_COLS, BLOCK = LOAM_PACK_BLOCK, VEC = LOAM_PACK_VEC, SUPER = 256 };

static const loam_pack_format formats[LOAM_DTYPE_COUNT] = {
    [LOAM_DTYPE_Q4_0] = {.low_bits = 4, .zero = 8, .max_q = 15, .n_sub = 1},
    [LOAM_DTYPE_Q4_1] = {.low_bits = 4, .max_q = 15, .n_sub = 1, .has_min = true},
    [LOAM_DTYPE_Q5_0] = {.low_bits = 4, .high_bits = 1, .zero = 16, .max_q = 31, .n_sub = 1},
    [LOAM_DTYPE_Q5_1] = {.low_bits = 4, .high_bits = 1, .max_q = 31, .n_sub = 1, .has_min = true},
    [LOAM_DTYPE_Q8_0] = {.low_bits = 8, .zero = 128, .max_q = 255, .n_sub = 1},
    [LOAM_DTYPE_Q2_K] = {.low_bits = 4, .max_q = 3, .n_sub = 2, .has_super = true, .has_min = true},
    [LOAM_DTYPE_Q3_K] = {.low_bits = 4, .zero = 4, .max_q = 7, .n_sub = 2, .has_super = true, .sub_signed = true},
    [LOAM_DTYPE_Q4_K] = {.low_bits = 4, .max_q = 15, .n_sub = 1, .has_super = true, .has_min = true},
    [LOAM_DTYPE_Q5_K] = {.low_bits = 4, .high_bits = 1, .max_q = 31, .n_sub = 1, .has_super = true, .has_min = true},
    [LOAM_DTYPE_Q6_K] =
        {.low_bits = 4, .high_bits = 2, .zero = 32, .max_q = 63, .n_sub = 2, .has_super = true, .sub_signed = true},
    [LOAM_DTYPE_IQ4_NL] = {.low_bits = 4, .zero = 128, .max_q = 255, .n_sub = 1, .book = LOAM_PACK_BOOK_IQ4},
    [LOAM_DTYPE_IQ4_XS] = {.low_bits = 4,
                           .zero = 128,
                           .max_q = 255,
                           .n_sub = 1,
                           .has_super = true,
                           .sub_signed = true,
                           .book = LOAM_PACK_BOOK_IQ4},
    [LOAM_DTYPE_MXFP4] = {.low_bits = 4, .zero = 12, .max_q = 24, .n_sub = 1, .book = LOAM_PACK_BOOK_MXFP4},
};

const loam_pack_format *loam_pack_format_get(loam_dtype t)
{
    return (unsigned)t < LOAM_DTYPE_COUNT && formats[t].low_bits ? &formats[t] : NULL;
}

bool loam_packed_init(loam_packed *p, loam_dtype t, int64_t n, int64_t k)
{
    *p = (loam_packed){.dtype = t, .n = n, .k = k, .n_groups = (n + COLS - 1) / COLS};
    if (n < 1 || k < 1 || t == LOAM_DTYPE_I32 || k % (int64_t)loam_dtype_block_elems(t) != 0)
        return false;
    size_t kk = (size_t)k;
    const loam_pack_format *f = loam_pack_format_get(t);
    if (!f) {
        size_t rows = t == LOAM_DTYPE_BF16 ? loam_align_up(kk, 2) : kk;
        p->group_bytes = loam_align_up(rows * COLS * (t == LOAM_DTYPE_F32 ? 4 : 2), VEC);
        return true;
    }
    size_t blocks = kk / BLOCK, supers = kk / SUPER, at = blocks * VEC * (size_t)f->low_bits;
    p->high_at = at;
    at += blocks * VEC * (size_t)f->high_bits;
    p->scale_at = at;
    at += t == LOAM_DTYPE_MXFP4 ? blocks * COLS : (f->has_super ? supers : blocks) * COLS * 2;
    p->sub_at = at;
    at += f->has_super ? blocks * (size_t)f->n_sub * COLS : 0;
    p->min_at = at;
    at += f->has_min ? (f->has_super ? supers : blocks) * COLS * 2 : 0;
    p->sub_min_at = at;
    at += f->has_min && f->has_super ? blocks * (size_t)f->n_sub * COLS : 0;
    p->group_bytes = loam_align_up(at, VEC);
    return true;
}

/* Writes the 32 codes of one block of column c (0..15). */
static void put_codes(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int64_t block, int c,
                      const uint8_t q[BLOCK])
{
    if (f->low_bits == 8) {
        uint8_t *low = group + (size_t)block * 8 * VEC + c * 4;
        for (int g = 0; g < 8; g++)
            memcpy(low + g * VEC, q + g * 4, 4);
        return;
    }
    uint8_t *low = group + (size_t)block * 4 * VEC + c * 4;
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++)
            low[j * VEC + i] = (uint8_t)((q[j * 4 + i] & 15) | (q[16 + j * 4 + i] & 15) << 4);
    if (f->high_bits == 1) {
        uint8_t *high = group + p->high_at + (size_t)block * VEC + c * 4;
        for (int i = 0; i < 4; i++) {
            unsigned bits = 0;
            for (int g = 0; g < 8; g++)
                bits |= (unsigned)(q[g * 4 + i] >> 4 & 1) << g;
            high[i] = (uint8_t)bits;
        }
    } else if (f->high_bits == 2) {
        uint8_t *high = group + p->high_at + (size_t)block * 2 * VEC + c * 4;
        for (int half = 0; half < 2; half++)
            for (int i = 0; i < 4; i++) {
                unsigned bits = 0;
                for (int g = 0; g < 4; g++)
                    bits |= (unsigned)(q[half * 16 + g * 4 + i] >> 4 & 3) << (2 * g);
                high[half * VEC + i] = (uint8_t)bits;
            }
    }
}

static void put_u16(uint8_t *at, int64_t index, const uint8_t *src)
{
    memcpy(at + index * 2, src, 2);
}

/* Blocks of 32: d [m] [qh] qs, where nibble i of qs is element i (low) or i+16 (high). */
static void pack_simple(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int c, const uint8_t *src)
{
    loam_dtype t = p->dtype;
    bool five = t == LOAM_DTYPE_Q5_0 || t == LOAM_DTYPE_Q5_1;
    size_t bytes = loam_dtype_block_bytes(t);
    for (int64_t b = 0; b < p->k / BLOCK; b++, src += bytes) {
        uint8_t q[BLOCK];
        const uint8_t *s = src;
        if (t == LOAM_DTYPE_MXFP4) {
            group[p->scale_at + (size_t)(b * COLS + c)] = *s++;
        } else {
            put_u16(group + p->scale_at, b * COLS + c, s);
            s += 2;
        }
        if (f->has_min) {
            put_u16(group + p->min_at, b * COLS + c, s);
            s += 2;
        }
        if (t == LOAM_DTYPE_Q8_0) {
            for (int i = 0; i < BLOCK; i++)
                q[i] = s[i] ^ 0x80;
        } else {
            uint32_t high = 0;
            if (five) {
                memcpy(&high, s, 4);
                s += 4;
            }
            for (int i = 0; i < 16; i++) {
                q[i] = (uint8_t)((s[i] & 15) | (high >> i & 1) << 4);
                q[i + 16] = (uint8_t)(s[i] >> 4 | (high >> (i + 16) & 1) << 4);
            }
        }
        put_codes(p, f, group, b, c, q);
    }
}

/* The 6-bit scales and mins of Q4_K and Q5_K: 8 + 8 values in 12 bytes. */
static void k4_scale_min(const uint8_t *s, int j, uint8_t *scale, uint8_t *min)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *min = s[j + 4] & 63;
    } else {
        *scale = (uint8_t)((s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
        *min = (uint8_t)(s[j + 4] >> 4 | (s[j] >> 6) << 4);
    }
}

static void pack_q4q5_k(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int c, const uint8_t *src)
{
    bool five = p->dtype == LOAM_DTYPE_Q5_K;
    for (int64_t s = 0; s < p->k / SUPER; s++, src += five ? 176 : 144) {
        const uint8_t *scales = src + 4, *high = src + 16, *low = five ? src + 48 : src + 16;
        put_u16(group + p->scale_at, s * COLS + c, src);
        put_u16(group + p->min_at, s * COLS + c, src + 2);
        for (int j = 0; j < 8; j++) {
            uint8_t q[BLOCK];
            int64_t b = s * 8 + j;
            k4_scale_min(scales, j, &group[p->sub_at + (size_t)(b * COLS + c)],
                         &group[p->sub_min_at + (size_t)(b * COLS + c)]);
            for (int i = 0; i < BLOCK; i++) {
                q[i] = low[(j / 2) * 32 + i] >> (4 * (j & 1)) & 15;
                if (five)
                    q[i] = (uint8_t)(q[i] | (high[i] >> j & 1) << 4);
            }
            put_codes(p, f, group, b, c, q);
        }
    }
}

/* ql[128] qh[64] scales[16] d */
static void pack_q6_k(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int c, const uint8_t *src)
{
    for (int64_t s = 0; s < p->k / SUPER; s++, src += 210) {
        put_u16(group + p->scale_at, s * COLS + c, src + 208);
        for (int j = 0; j < 8; j++) {
            uint8_t q[BLOCK];
            int64_t b = s * 8 + j;
            int half = j / 4, quarter = j % 4;
            const uint8_t *ql = src + half * 64 + (quarter & 1) * 32, *qh = src + 128 + half * 32;
            for (int i = 0; i < BLOCK; i++)
                q[i] = (uint8_t)((ql[i] >> (quarter & 2 ? 4 : 0) & 15) | (qh[i] >> (2 * quarter) & 3) << 4);
            put_codes(p, f, group, b, c, q);
            for (int h = 0; h < 2; h++)
                group[p->sub_at + (size_t)((b * 2 + h) * COLS + c)] = src[192 + j * 2 + h];
        }
    }
}

/* scales[16] qs[64] d dmin */
static void pack_q2_k(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int c, const uint8_t *src)
{
    for (int64_t s = 0; s < p->k / SUPER; s++, src += 84) {
        put_u16(group + p->scale_at, s * COLS + c, src + 80);
        put_u16(group + p->min_at, s * COLS + c, src + 82);
        for (int j = 0; j < 8; j++) {
            uint8_t q[BLOCK];
            int64_t b = s * 8 + j;
            for (int i = 0; i < BLOCK; i++)
                q[i] = src[16 + (j / 4) * 32 + i] >> (2 * (j % 4)) & 3;
            put_codes(p, f, group, b, c, q);
            for (int h = 0; h < 2; h++) {
                size_t at = (size_t)((b * 2 + h) * COLS + c);
                group[p->sub_at + at] = src[j * 2 + h] & 15;
                group[p->sub_min_at + at] = src[j * 2 + h] >> 4;
            }
        }
    }
}

/* hmask[32] qs[64] scales[12] d; the 6-bit scales have an offset of 32. */
static void pack_q3_k(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int c, const uint8_t *src)
{
    for (int64_t s = 0; s < p->k / SUPER; s++, src += 110) {
        const uint8_t *sc = src + 96;
        put_u16(group + p->scale_at, s * COLS + c, src + 108);
        for (int j = 0; j < 8; j++) {
            uint8_t q[BLOCK];
            int64_t b = s * 8 + j;
            for (int i = 0; i < BLOCK; i++)
                q[i] = (uint8_t)((src[32 + (j / 4) * 32 + i] >> (2 * (j % 4)) & 3) | (src[i] >> j & 1) << 2);
            put_codes(p, f, group, b, c, q);
            for (int h = 0; h < 2; h++) {
                int i = j * 2 + h;
                int low = i < 8 ? sc[i] & 15 : sc[i - 8] >> 4, high = sc[8 + i % 4] >> (2 * (i / 4)) & 3;
                group[p->sub_at + (size_t)((b * 2 + h) * COLS + c)] = (uint8_t)(int8_t)((low | high << 4) - 32);
            }
        }
    }
}

/* d scales_h(u16) scales_l[4] qs[128] */
static void pack_iq4_xs(const loam_packed *p, const loam_pack_format *f, uint8_t *group, int c, const uint8_t *src)
{
    for (int64_t s = 0; s < p->k / SUPER; s++, src += 136) {
        unsigned high = src[2] | (unsigned)src[3] << 8;
        put_u16(group + p->scale_at, s * COLS + c, src);
        for (int j = 0; j < 8; j++) {
            uint8_t q[BLOCK];
            int64_t b = s * 8 + j;
            const uint8_t *qs = src + 8 + j * 16;
            for (int i = 0; i < 16; i++) {
                q[i] = qs[i] & 15;
                q[i + 16] = qs[i] >> 4;
            }
            put_codes(p, f, group, b, c, q);
            int scale = (src[4 + j / 2] >> (4 * (j & 1)) & 15) | (int)(high >> (2 * j) & 3) << 4;
            group[p->sub_at + (size_t)(b * COLS + c)] = (uint8_t)(int8_t)(scale - 32);
        }
    }
}

static void pack_float(const loam_packed *p, uint8_t *group, int c, const uint8_t *src)
{
    for (int64_t i = 0; i < p->k; i++) {
        if (p->dtype == LOAM_DTYPE_F32)
            memcpy(group + (i * COLS + c) * 4, src + i * 4, 4);
        else if (p->dtype == LOAM_DTYPE_F16)
            memcpy(group + (i * COLS + c) * 2, src + i * 2, 2);
        else
            memcpy(group + ((i / 2 * COLS + c) * 2 + i % 2) * 2, src + i * 2, 2);
    }
}

void loam_pack_groups(const loam_packed *p, const void *src, uint8_t *dst, int64_t g0, int64_t g1)
{
    const loam_pack_format *f = loam_pack_format_get(p->dtype);
    size_t row_bytes = loam_dtype_row_bytes(p->dtype, p->k);
    for (int64_t g = g0; g < g1; g++) {
        uint8_t *group = dst + (size_t)g * p->group_bytes;
        if ((g + 1) * COLS > p->n || p->k % 2)
            memset(group, 0, p->group_bytes);
        for (int c = 0; c < COLS && g * COLS + c < p->n; c++) {
            const uint8_t *row = (const uint8_t *)src + (size_t)(g * COLS + c) * row_bytes;
            switch (p->dtype) {
            case LOAM_DTYPE_Q4_K:
            case LOAM_DTYPE_Q5_K:
                pack_q4q5_k(p, f, group, c, row);
                break;
            case LOAM_DTYPE_Q6_K:
                pack_q6_k(p, f, group, c, row);
                break;
            case LOAM_DTYPE_Q2_K:
                pack_q2_k(p, f, group, c, row);
                break;
            case LOAM_DTYPE_Q3_K:
                pack_q3_k(p, f, group, c, row);
                break;
            case LOAM_DTYPE_IQ4_XS:
                pack_iq4_xs(p, f, group, c, row);
                break;
            case LOAM_DTYPE_F32:
            case LOAM_DTYPE_F16:
            case LOAM_DTYPE_BF16:
                pack_float(p, group, c, row);
                break;
            default:
                pack_simple(p, f, group, c, row);
                break;
            }
        }
    }
}
