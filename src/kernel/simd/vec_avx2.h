/* The vector vocabulary of the files in simd/ for AVX2 + FMA + F16C: 8 floats, or 32 bytes. A group of 16 columns is
 * two vectors, and a tile works on one group. */
#ifndef LOAM_KERNEL_VEC_AVX2_H
#define LOAM_KERNEL_VEC_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VEC_NAME(f) f##_avx2
enum { VW = 8, VB = 32, TILE_GROUPS = 1 };
enum { GEMM_ROWS = 6 }; /* of a tile of gemm_f32.h: 12 sums, two weights and an activation are 15 of 16 registers */
typedef __m256 vf;
typedef __m256i vi;

static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}
/* The first n < VW elements; what is not loaded is zero, what is not stored stays. */
static inline vi vf_part_mask(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf vf_load_part(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, vf_part_mask(n));
}
static inline void vf_store_part(float *p, int64_t n, vf v)
{
    _mm256_maskstore_ps(p, vf_part_mask(n), v);
}
static inline vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline vf vf_zero(void)
{
    return _mm256_setzero_ps();
}
static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
} /* a·b + c */
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
} /* c - a·b */
static inline vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
static inline vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
static inline vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_from_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
static inline void vf_to_f16(uint16_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline vf vf_swap_pairs(vf a)
{
    return _mm256_permute_ps(a, 0xB1);
}
static inline vf vf_from_u8(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static inline vf vf_from_i8(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
/* e8m0 of MXFP4: 2^(e-128); the two smallest are denormal and come from shifting the fraction. */
static inline vf vf_from_e8m0(const uint8_t *p)
{
    vi e = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    vi normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    vi small = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    vi is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, small, is_small));
}
static inline vf vf_from_i32(vi a)
{
    return _mm256_cvtepi32_ps(a);
}
static inline float vf_hsum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float vf_hmax(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/* 2^n for integral n in [-126, 127], built in the exponent bits. */
static inline vf vf_exp2i(vf n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
/* x · 2^n for the integer n in the low bits of t. */
static inline vf vf_add_exponent(vf x, vf t)
{
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
}
/* 2^(n - 127) for the integer n in the low eight bits of t; 0 for n = 0, infinity for n = 255. */
static inline vf vf_exp2_bits(vf t)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 23));
}
/* The first n elements of a, the others of b; n may be outside 0..VW. */
static inline vf vf_first(int64_t n, vf a, vf b)
{
    n = n < 0 ? 0 : n > VW ? VW : n;
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(vf_part_mask(n)));
}
/* Whether some a > b. */
static inline bool vf_any_gt(vf a, vf b)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) != 0;
}
/* p[0], p[1], p[0], p[1], ...; and the sums of neighbours, of which the first VW / 2 elements count. */
static inline vf vf_set_pair(const float *p)
{
    double two;
    memcpy(&two, p, 8);
    return _mm256_castpd_ps(_mm256_set1_pd(two));
}
static inline vf vf_pair_sums(vf a)
{
    vf s = _mm256_add_ps(a, vf_swap_pairs(a));
    return _mm256_permutevar8x32_ps(s, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
}
/* Half as many doubles; vd_from_f32 reads VW / 2 floats. */
typedef __m256d vd;
static inline vd vd_zero(void)
{
    return _mm256_setzero_pd();
}
static inline vd vd_from_f32(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
static inline vd vd_load(const double *p)
{
    return _mm256_loadu_pd(p);
}
static inline void vd_store(double *p, vd v)
{
    _mm256_storeu_pd(p, v);
}
static inline vd vd_add(vd a, vd b)
{
    return _mm256_add_pd(a, b);
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return _mm256_fmadd_pd(a, b, c);
} /* a·b + c */
/* Columns of a bf16 pair vector [VW][2]: the first and the second of each pair. */
static inline vf vf_bf16_even(const uint16_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)p), 16));
}
static inline vf vf_bf16_odd(const uint16_t *p)
{
    return _mm256_castsi256_ps(
        _mm256_and_si256(_mm256_loadu_si256((const __m256i *)p), _mm256_set1_epi32((int)0xFFFF0000)));
}

static inline vi vb_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
static inline void vb_store(uint8_t *p, vi v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}
static inline vi vb_set1(int x)
{
    return _mm256_set1_epi8((char)x);
}
static inline vi vb_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}
static inline vi vb_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}
#define vi_sll(a, n) _mm256_slli_epi32(a, n)
#define vb_srl16(a, n) _mm256_srli_epi16(a, n)
#define vb_sll16(a, n) _mm256_slli_epi16(a, n)
static inline vi vb_lookup(const uint8_t table[16], vi index)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), index);
}
static inline vi vi_set1(int32_t x)
{
    return _mm256_set1_epi32(x);
}
static inline vi vi_load_bcast(const void *p)
{
    int32_t x;
    memcpy(&x, p, 4);
    return _mm256_set1_epi32(x);
}
/* Byte `at` of each 32-bit lane, with its sign bit flipped, as a signed number. */
static inline vf vf_from_lane_byte(vi a, int at)
{
    vi flipped = _mm256_xor_si256(a, _mm256_set1_epi8((char)0x80));
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_sll_epi32(flipped, _mm_cvtsi32_si128(24 - 8 * at)), 24));
}
static inline vi vi_zero(void)
{
    return _mm256_setzero_si256();
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}

/* Eight floats to bytes (already integral, |x| ≤ 127). */
static inline void vf_to_i8(int8_t *p, vf v)
{
    vi i = _mm256_cvtps_epi32(v);
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(w, w));
}

/* One step of an integer dot product: column vector w (unsigned bytes ≤ max_q) times four broadcast signed bytes.
 * 16-bit sums of two products hold `depth` steps before they must be widened (15·127·2·8 < 32768): depth 8 for 4-bit
 * codes, 4 for 5-bit, 2 for 6-bit. Whole bytes do not fit even once (depth 0): they take the detour over sign and
 * magnitude. Widening multiplies by `by`, a pair of 16-bit numbers for each column: ones, or the integer scale of a
 * sub-block. */
typedef struct idot {
    vi wide, narrow;
} idot;
/* A column vector of weights as a step takes it; depth 0: their magnitude, and their value as signed bytes. */
typedef struct idot_w {
    vi code, value;
} idot_w;
enum { SUMS_ASIDE = 0 };  /* see vec_avx512.h: here the registers are too few, and it is slower */
enum { SIGN_PLANES = 1 }; /* a panel keeps the values of depth 0 beside the magnitudes */
static inline __attribute__((always_inline)) idot_w idot_weights(int depth, vi code)
{
    vi value = _mm256_xor_si256(code, _mm256_set1_epi8((char)0x80)); /* depth 0 has its zero at 128 */
    return depth ? (idot_w){.code = code} : (idot_w){_mm256_abs_epi8(value), value};
}
static inline __attribute__((always_inline)) void idot_put(int depth, uint8_t *code, uint8_t *value, vi w)
{
    idot_w x = idot_weights(depth, w);
    vb_store(code, x.code);
    if (depth == 0)
        vb_store(value, x.value);
}
static inline __attribute__((always_inline)) idot_w idot_get(int depth, const uint8_t *code, const uint8_t *value)
{
    return depth ? (idot_w){.code = vb_load(code)} : (idot_w){vb_load(code), vb_load(value)};
}
static inline __attribute__((always_inline)) int idot_depth(int max_q)
{
    return max_q <= 15 ? 8 : max_q <= 32 ? 4 : max_q <= 64 ? 2 : 0;
}
static inline __attribute__((always_inline)) void idot_begin(idot *d, int zero, int32_t sum)
{
    (void)zero, (void)sum;
    d->wide = _mm256_setzero_si256();
}
static inline __attribute__((always_inline)) void idot_step_by(idot *d, int depth, int step, int n_steps, vi w, vi a,
                                                               vi by)
{
    vi p = _mm256_maddubs_epi16(w, a);
    d->narrow = step % depth == 0 ? p : _mm256_add_epi16(d->narrow, p);
    if (step % depth == depth - 1 || step == n_steps - 1)
        d->wide = _mm256_add_epi32(d->wide, _mm256_madd_epi16(d->narrow, by));
}
static inline __attribute__((always_inline)) void idot_step(idot *d, int depth, int step, int n_steps, idot_w w, vi a)
{
    const vi ones = _mm256_set1_epi16(1);
    if (depth) {
        idot_step_by(d, depth, step, n_steps, w.code, a, ones);
        return;
    }
    vi p = _mm256_maddubs_epi16(w.code, _mm256_sign_epi8(a, w.value));
    d->wide = _mm256_add_epi32(d->wide, _mm256_madd_epi16(p, ones));
}
/* Keeps the compiler from reordering the steps of different rows: left alone, it gathers the steps of one row, and the
 * other rows' operands, which no longer fit the registers, go through the stack. Depth 4, with two kinds of sums alive,
 * needs the strict order; the others are faster with some freedom (measured with clang 14). */
static inline __attribute__((always_inline)) void idot_pin(idot *d, int depth)
{
    if (depth == 0)
        __asm__("" : "+x"(d->wide));
    else if (depth == 4)
        __asm__ volatile("" : "+x"(d->narrow));
    else
        __asm__("" : "+x"(d->narrow));
}
static inline __attribute__((always_inline)) vi idot_end(const idot *d, int depth, int zero, int32_t sum)
{
    return depth == 0 || zero == 0 ? d->wide : _mm256_sub_epi32(d->wide, _mm256_set1_epi32(zero * sum));
}

/* Keeps the compiler from gathering the loads of all rows before the first row's sums, which costs it the registers. */
static inline __attribute__((always_inline)) void tile_row_end(void)
{
    __asm__ volatile("" ::: "memory");
}
/* Rows of a tile so that its 16-bit and 32-bit sums stay in 16 registers. */
static inline __attribute__((always_inline)) int tile_max_rows(int depth)
{
    return depth == 2 ? 3 : depth == 0 ? 4 : 6;
}

/* Formats in super-blocks (matmul_sub.h). vk holds their integer scales, and the sums of scale · products that run over
 * a super-block: here integers, which cannot overflow (Q6_K: 32004·127·128 < 2^30). A scale stands twice in its column,
 * as a pair of 16-bit numbers, and widening a 16-bit sum of products multiplies by it at no cost. */
typedef vi vk;
static inline __attribute__((always_inline)) vk vk_zero(void)
{
    return _mm256_setzero_si256();
}
static inline __attribute__((always_inline)) vk vk_from_bytes(const uint8_t *p, bool is_signed)
{
    int64_t eight;
    memcpy(&eight, p, 8);
    const vi twice = _mm256_setr_epi8(0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1, 4, -1, 4, -1, 5, -1, 5,
                                      -1, 6, -1, 6, -1, 7, -1, 7, -1);
    const vi twice_high = _mm256_setr_epi8(-1, 0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1, 4, -1, 4, -1, 5,
                                           -1, 5, -1, 6, -1, 6, -1, 7, -1, 7);
    vi all = _mm256_set1_epi64x(eight);
    return is_signed ? _mm256_srai_epi16(_mm256_shuffle_epi8(all, twice_high), 8) : _mm256_shuffle_epi8(all, twice);
}
static inline __attribute__((always_inline)) void vk_put(uint8_t *p, vk s)
{
    vb_store(p, s);
}
static inline __attribute__((always_inline)) vk vk_get(const uint8_t *p)
{
    return vb_load(p);
}
/* sum as floats; with_pairs: with the pairs' sums, which are zero points, put in. */
static inline __attribute__((always_inline)) vf vk_value(vk sum, vi pairs, bool with_pairs)
{
    return vf_from_i32(with_pairs ? _mm256_add_epi32(sum, pairs) : sum);
}
/* Whether the sums of a tile have their place in memory: beside 12 16-bit sums there is no room in the registers. */
static inline __attribute__((always_inline)) bool vk_in_memory(int depth)
{
    return depth > 2;
}
/* What is left of a zero point to be subtracted: the detour of depth 0 multiplies by the true values. */
static inline __attribute__((always_inline)) int idot_zero(int depth, int zero)
{
    return depth == 0 ? 0 : zero;
}
typedef struct kdot {
    vi narrow;
} kdot;
/* Step `step` of n_steps that have one scale; the last ones of `depth` steps bring their sum into `sum`. */
static inline __attribute__((always_inline)) void kdot_step(kdot *d, vk *sum, int depth, int step, int n_steps,
                                                            idot_w w, vi a, vk scale)
{
    vi p = _mm256_maddubs_epi16(w.code, depth ? a : _mm256_sign_epi8(a, w.value));
    d->narrow = depth == 0 || step % depth == 0 ? p : _mm256_add_epi16(d->narrow, p);
    if (depth == 0 || step % depth == depth - 1 || step == n_steps - 1)
        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(d->narrow, scale));
}
static inline __attribute__((always_inline)) void kdot_pin(kdot *d, vk *sum, int depth)
{
    if (depth == 0)
        __asm__("" : "+x"(*sum));
    else if (depth == 4)
        __asm__ volatile("" : "+x"(d->narrow));
    else
        __asm__("" : "+x"(d->narrow));
}
/* The bytes of p0 and p1, times -times, as a pair of 16-bit numbers for each column. */
static inline __attribute__((always_inline)) vi vi_negated_pairs(const uint8_t *p0, const uint8_t *p1, bool is_signed,
                                                                 int times)
{
    __m128i b = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)p0), _mm_loadl_epi64((const __m128i *)p1));
    vi pair = is_signed ? _mm256_cvtepi8_epi16(b) : _mm256_cvtepu8_epi16(b);
    return _mm256_mullo_epi16(pair, _mm256_set1_epi16((short)-times));
}
/* sum + pair[0] · sums[0] + pair[1] · sums[1] for each column. */
static inline __attribute__((always_inline)) vi vi_add_pairs(vi sum, vi pair, const int16_t sums[2])
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pair, vi_load_bcast(sums)));
}

#endif
