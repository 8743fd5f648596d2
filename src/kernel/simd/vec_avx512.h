/* The vector vocabulary of the files in simd/ for AVX-512 (F, BW, DQ, VL, VNNI): 16 floats, or 64 bytes. A group of 16
 * columns is one vector, and a tile works on two groups. */
#ifndef LOAM_KERNEL_VEC_AVX512_H
#define LOAM_KERNEL_VEC_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VEC_NAME(f) f##_avx512
enum { VW = 16, VB = 64, TILE_GROUPS = 2 };
enum { GEMM_ROWS = 12 }; /* of a tile of gemm_f32.h: 24 sums of 32 registers */
typedef __m512 vf;
typedef __m512i vi;

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
/* The first n < VW elements; what is not loaded is zero, what is not stored stays. */
static inline vf vf_load_part(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void vf_store_part(float *p, int64_t n, vf v)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
static inline vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
} /* a·b + c */
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
} /* c - a·b */
static inline vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
static inline vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}
static inline vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_from_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
static inline void vf_to_f16(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline vf vf_swap_pairs(vf a)
{
    return _mm512_permute_ps(a, 0xB1);
}
static inline vf vf_from_u8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
static inline vf vf_from_i8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
/* e8m0 of MXFP4: 2^(e-128); the two smallest are denormal and come from shifting the fraction. */
static inline vf vf_from_e8m0(const uint8_t *p)
{
    vi e = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
    vi normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
    vi small = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e);
    return _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, _mm512_cmpgt_epi32_mask(_mm512_set1_epi32(2), e), small));
}
static inline vf vf_from_i32(vi a)
{
    return _mm512_cvtepi32_ps(a);
}
static inline float vf_hsum(vf a)
{
    return _mm512_reduce_add_ps(a);
}
static inline float vf_hmax(vf a)
{
    return _mm512_reduce_max_ps(a);
}
/* 2^n for integral n in [-126, 127], built in the exponent bits. */
static inline vf vf_exp2i(vf n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}
/* x · 2^n for the integer n in the low bits of t. */
static inline vf vf_add_exponent(vf x, vf t)
{
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_slli_epi32(_mm512_castps_si512(t), 23)));
}
/* 2^(n - 127) for the integer n in the low eight bits of t; 0 for n = 0, infinity for n = 255. */
static inline vf vf_exp2_bits(vf t)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 23));
}
/* The first n elements of a, the others of b; n may be outside 0..VW. */
static inline vf vf_first(int64_t n, vf a, vf b)
{
    n = n < 0 ? 0 : n > VW ? VW : n;
    return _mm512_mask_mov_ps(b, (__mmask16)((1u << n) - 1), a);
}
/* Whether some a > b. */
static inline bool vf_any_gt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0;
}
/* p[0], p[1], p[0], p[1], ...; and the sums of neighbours, of which the first VW / 2 elements count. */
static inline vf vf_set_pair(const float *p)
{
    double two;
    memcpy(&two, p, 8);
    return _mm512_castpd_ps(_mm512_set1_pd(two));
}
static inline vf vf_pair_sums(vf a)
{
    return _mm512_maskz_compress_ps(0x5555, _mm512_add_ps(a, vf_swap_pairs(a)));
}
/* Half as many doubles; vd_from_f32 reads VW / 2 floats. */
typedef __m512d vd;
static inline vd vd_zero(void)
{
    return _mm512_setzero_pd();
}
static inline vd vd_from_f32(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
static inline vd vd_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
static inline void vd_store(double *p, vd v)
{
    _mm512_storeu_pd(p, v);
}
static inline vd vd_add(vd a, vd b)
{
    return _mm512_add_pd(a, b);
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return _mm512_fmadd_pd(a, b, c);
} /* a·b + c */
/* Columns of a bf16 pair vector [VW][2]: the first and the second of each pair. */
static inline vf vf_bf16_even(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
static inline vf vf_bf16_odd(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32((int)0xFFFF0000)));
}

static inline vi vb_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline void vb_store(uint8_t *p, vi v)
{
    _mm512_storeu_si512(p, v);
}
static inline vi vb_set1(int x)
{
    return _mm512_set1_epi8((char)x);
}
static inline vi vb_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}
static inline vi vb_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
#define vi_sll(a, n) _mm512_slli_epi32(a, n)
#define vb_srl16(a, n) _mm512_srli_epi16(a, n)
#define vb_sll16(a, n) _mm512_slli_epi16(a, n)
static inline vi vb_lookup(const uint8_t table[16], vi index)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), index);
}
static inline vi vi_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}
static inline vi vi_load_bcast(const void *p)
{
    int32_t x;
    memcpy(&x, p, 4);
    return _mm512_set1_epi32(x);
}
/* Byte `at` of each 32-bit lane, with its sign bit flipped, as a signed number. */
static inline vf vf_from_lane_byte(vi a, int at)
{
    vi flipped = _mm512_xor_si512(a, _mm512_set1_epi8((char)0x80));
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_sll_epi32(flipped, _mm_cvtsi32_si128(24 - 8 * at)), 24));
}
static inline vi vi_zero(void)
{
    return _mm512_setzero_si512();
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}

/* Sixteen floats to bytes (already integral, |x| ≤ 127). */
static inline void vf_to_i8(int8_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
}

/* One step of an integer dot product: vpdpbusd adds four products of unsigned weights and signed activations to each
 * 32-bit lane; the accumulator starts at -zero·Σa, which takes the zero point out. */
typedef struct idot {
    vi wide;
} idot;
typedef vi idot_w;
enum { SUMS_ASIDE = 1 }; /* a tile's f32 sums stay in registers from the first block of a panel to the last */
enum { SIGN_PLANES = 0 };
static inline __attribute__((always_inline)) idot_w idot_weights(int depth, vi code)
{
    (void)depth;
    return code;
}
static inline __attribute__((always_inline)) void idot_put(int depth, uint8_t *code, uint8_t *value, vi w)
{
    (void)depth, (void)value;
    vb_store(code, w);
}
static inline __attribute__((always_inline)) idot_w idot_get(int depth, const uint8_t *code, const uint8_t *value)
{
    (void)depth, (void)value;
    return vb_load(code);
}
static inline __attribute__((always_inline)) int idot_depth(int max_q)
{
    return max_q > 0;
}
static inline __attribute__((always_inline)) void idot_begin(idot *d, int zero, int32_t sum)
{
    d->wide = zero ? _mm512_set1_epi32(-zero * sum) : _mm512_setzero_si512();
}
static inline __attribute__((always_inline)) void idot_step(idot *d, int depth, int step, int n_steps, idot_w w, vi a)
{
    (void)depth, (void)step, (void)n_steps;
    d->wide = _mm512_dpbusd_epi32(d->wide, w, a);
}
/* See vec_avx2.h; with 32 registers nothing needs pinning. */
static inline __attribute__((always_inline)) void idot_pin(idot *d, int depth)
{
    (void)d, (void)depth;
}
static inline __attribute__((always_inline)) vi idot_end(const idot *d, int depth, int zero, int32_t sum)
{
    (void)depth, (void)zero, (void)sum;
    return d->wide;
}

/* See vec_avx2.h; here the compiler may order the rows as it likes. */
static inline __attribute__((always_inline)) void tile_row_end(void) {}
static inline __attribute__((always_inline)) int tile_max_rows(int depth)
{
    (void)depth;
    return 6;
}

/* Formats in super-blocks: see vec_avx2.h. Here scales and sums are floats: integer multiplication is slow. */
typedef vf vk;
static inline __attribute__((always_inline)) vk vk_zero(void)
{
    return _mm512_setzero_ps();
}
static inline __attribute__((always_inline)) vk vk_from_bytes(const uint8_t *p, bool is_signed)
{
    return is_signed ? vf_from_i8(p) : vf_from_u8(p);
}
static inline __attribute__((always_inline)) void vk_put(uint8_t *p, vk s)
{
    _mm512_storeu_ps(p, s);
}
static inline __attribute__((always_inline)) vk vk_get(const uint8_t *p)
{
    return _mm512_loadu_ps(p);
}
static inline __attribute__((always_inline)) vf vk_value(vk sum, vi pairs, bool with_pairs)
{
    return with_pairs ? _mm512_add_ps(sum, _mm512_cvtepi32_ps(pairs)) : sum;
}
static inline __attribute__((always_inline)) bool vk_in_memory(int depth)
{
    (void)depth;
    return false;
}
static inline __attribute__((always_inline)) int idot_zero(int depth, int zero)
{
    (void)depth;
    return zero;
}
typedef struct kdot {
    vi wide;
} kdot;
static inline __attribute__((always_inline)) void kdot_step(kdot *d, vk *sum, int depth, int step, int n_steps,
                                                            idot_w w, vi a, vk scale)
{
    (void)depth;
    d->wide = _mm512_dpbusd_epi32(step ? d->wide : _mm512_setzero_si512(), w, a);
    if (step == n_steps - 1)
        *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(d->wide), scale, *sum);
}
static inline __attribute__((always_inline)) void kdot_pin(kdot *d, vk *sum, int depth)
{
    (void)d, (void)sum, (void)depth;
}
static inline __attribute__((always_inline)) vi vi_negated_pairs(const uint8_t *p0, const uint8_t *p1, bool is_signed,
                                                                 int times)
{
    __m128i a = _mm_loadu_si128((const __m128i *)p0), b = _mm_loadu_si128((const __m128i *)p1);
    __m256i ab = _mm256_set_m128i(_mm_unpackhi_epi8(a, b), _mm_unpacklo_epi8(a, b));
    vi pair = is_signed ? _mm512_cvtepi8_epi16(ab) : _mm512_cvtepu8_epi16(ab);
    return _mm512_mullo_epi16(pair, _mm512_set1_epi16((short)-times));
}
static inline __attribute__((always_inline)) vi vi_add_pairs(vi sum, vi pair, const int16_t sums[2])
{
    return _mm512_dpwssd_epi32(sum, pair, vi_load_bcast(sums));
}

#endif
