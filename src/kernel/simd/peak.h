/* The level's limits, measured by loops that do nothing else: what `loam bench` holds its results against. */
#ifndef LOAM_KERNEL_PEAK_H
#define LOAM_KERNEL_PEAK_H

enum { CHAINS = 12 }; /* independent sums: latency × throughput of the multiply-add on current processors is 8 to 10 */

static uint64_t peak_f32(int64_t n)
{
    vf s[CHAINS], a = vf_set1(0.999f), b = vf_set1(1.0f);
    for (int i = 0; i < CHAINS; i++)
        s[i] = vf_set1((float)i);
    for (int64_t r = 0; r < n; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = vf_fma(s[i], a, b);
    volatile float sink = 0;
    for (int i = 0; i < CHAINS; i++)
        sink = sink + vf_hsum(s[i]);
    return (uint64_t)n * CHAINS * VW * 2;
}

/* The integer step of a 4-bit product with both operands in registers. */
static uint64_t peak_i8(int64_t n)
{
    idot d[CHAINS];
    vi w = vb_set1(7), a = vb_set1(-3);
    const int depth = idot_depth(15);
    for (int i = 0; i < CHAINS; i++)
        idot_begin(&d[i], 0, 0);
    for (int64_t r = 0; r < n; r++) {
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++)
            for (int i = 0; i < CHAINS; i++) {
                __asm__("" : "+x"(w)); /* or all steps would be one product, computed once */
                idot_step(&d[i], depth, g, 8, idot_weights(depth, w), a);
                idot_pin(&d[i], depth);
            }
    }
    volatile float sink = 0;
    for (int i = 0; i < CHAINS; i++)
        sink = sink + vf_hsum(vf_from_i32(d[i].wide));
    return (uint64_t)n * CHAINS * 8 * VB * 2;
}

static uint64_t read_bytes(const void *p, size_t n)
{
    const uint8_t *b = p;
    vi s0 = vi_zero(), s1 = vi_zero(), s2 = vi_zero(), s3 = vi_zero();
    for (size_t i = 0; i + 4 * VB <= n; i += 4 * VB) {
        s0 = vi_sub(s0, vb_load(b + i));
        s1 = vi_sub(s1, vb_load(b + i + VB));
        s2 = vi_sub(s2, vb_load(b + i + 2 * VB));
        s3 = vi_sub(s3, vb_load(b + i + 3 * VB));
    }
    uint64_t out[VB / 8];
    vb_store((uint8_t *)out, vi_sub(vi_sub(s0, s1), vi_sub(s2, s3)));
    return out[0] ^ out[1] ^ out[2] ^ out[3];
}

#endif
