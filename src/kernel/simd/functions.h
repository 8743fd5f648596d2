/* Functions of one element over the vector vocabulary. NaN stays NaN: clamps keep their second operand. */
#ifndef LOAM_KERNEL_FUNCTIONS_H
#define LOAM_KERNEL_FUNCTIONS_H

#include "kernel/ops.h"

/* 1.5 · 2^23 + 127: adding it rounds to an integer and leaves that, as an exponent, in the low bits. */
#define EXPONENT_MAGIC 12583039.0f

/* e^x: x = n·ln2 + r, polynomial in r (Cephes expf), 2 ulp; saturates to 0 below -87.3, to infinity above 88.3. */
INLINE vf vf_exp(vf x)
{
    x = vf_min(vf_set1(89.0f), vf_max(vf_set1(-87.3365447504019f), x));
    vf n = vf_round(vf_mul(x, vf_set1(1.44269504088896341f)));
    vf r = vf_fma(n, vf_set1(-0.693359375f), x);
    r = vf_fma(n, vf_set1(2.12194440e-4f), r);
    vf p = vf_set1(1.9875691500e-4f);
    p = vf_fma(p, r, vf_set1(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set1(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set1(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set1(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set1(5.0000001201e-1f));
    p = vf_add(vf_fma(p, vf_mul(r, r), r), vf_set1(1.0f));
    return vf_mul(p, vf_exp2_bits(vf_add(n, vf_set1(EXPONENT_MAGIC))));
}

/* 2^x for x < 127, 1.6e-7: x = n + f, 2^f by a minimax polynomial that is exactly 1 at 0. Whatever is below -127, -inf
 * too, comes out as exactly 0. */
INLINE vf vf_exp2(vf x)
{
    x = vf_max(vf_set1(-127.0f), x);
    vf t = vf_add(x, vf_set1(EXPONENT_MAGIC)), f = vf_sub(x, vf_sub(t, vf_set1(EXPONENT_MAGIC)));
    vf p = vf_set1(1.327463337e-3f);
    p = vf_fma(p, f, vf_set1(9.671961680e-3f));
    p = vf_fma(p, f, vf_set1(5.550678369e-2f));
    p = vf_fma(p, f, vf_set1(2.402223532e-1f));
    p = vf_fma(p, f, vf_set1(6.931470616e-1f));
    p = vf_fma(p, f, vf_set1(1.0f));
    return vf_mul(p, vf_exp2_bits(t));
}

/* x · Φ(x) = max(x, 0) - |x| · Φ(-|x|), 1e-7 of |x|, with -log2 Φ(-a) as a minimax polynomial on [0, 6] that goes on
 * rising beyond: unlike 1 + erf it loses little where Φ is small (2e-4 of the value at -5). */
INLINE vf gelu(vf x)
{
    vf a = vf_min(vf_set1(14.0f), vf_abs(x)); /* Φ(-14) < 2^-127; NaN comes back by max */
    vf p = vf_set1(9.638374014e-9f);
    p = vf_fma(p, a, vf_set1(-4.079388598e-7f));
    p = vf_fma(p, a, vf_set1(6.766224298e-6f));
    p = vf_fma(p, a, vf_set1(-5.598068028e-5f));
    p = vf_fma(p, a, vf_set1(2.220725214e-4f));
    p = vf_fma(p, a, vf_set1(9.645828636e-5f));
    p = vf_fma(p, a, vf_set1(-7.041786017e-3f));
    p = vf_fma(p, a, vf_set1(5.249278163e-2f));
    p = vf_fma(p, a, vf_set1(4.592074304e-1f));
    p = vf_fma(p, a, vf_set1(1.151105369f));
    p = vf_fma(p, a, vf_set1(1.0f));
    return vf_fnma(a, vf_exp2(vf_sub(vf_zero(), p)), vf_max(vf_zero(), x));
}

/* Odd polynomial over even one (as in Eigen), 3e-7. */
INLINE vf vf_tanh(vf x)
{
    x = vf_min(vf_set1(7.90531110763549805f), vf_max(vf_set1(-7.90531110763549805f), x));
    vf s = vf_mul(x, x), p = vf_set1(-2.76076847742355e-16f), q = vf_set1(1.19825839466702e-6f);
    p = vf_fma(p, s, vf_set1(2.00018790482477e-13f));
    p = vf_fma(p, s, vf_set1(-8.60467152213735e-11f));
    p = vf_fma(p, s, vf_set1(5.12229709037114e-8f));
    p = vf_fma(p, s, vf_set1(1.48572235717979e-5f));
    p = vf_fma(p, s, vf_set1(6.37261928875436e-4f));
    p = vf_fma(p, s, vf_set1(4.89352455891786e-3f));
    q = vf_fma(q, s, vf_set1(1.18534705686654e-4f));
    q = vf_fma(q, s, vf_set1(2.26843463243900e-3f));
    q = vf_fma(q, s, vf_set1(4.89352518554385e-3f));
    return vf_div(vf_mul(x, p), q);
}

/* x / (1 + e^-z) */
INLINE vf gated(vf x, vf z)
{
    return vf_div(x, vf_add(vf_set1(1.0f), vf_exp(vf_sub(vf_zero(), z))));
}

INLINE vf vf_unary(const loam_unary f, vf x)
{
    switch (f) {
    case LOAM_UNARY_SILU:
        return gated(x, x);
    case LOAM_UNARY_GELU:
        return gelu(x);
    case LOAM_UNARY_GELU_TANH: { /* (1 + tanh(z))/2 = 1/(1 + e^-2z) */
        vf z = vf_fma(vf_mul(vf_mul(x, x), x), vf_set1(0.044715f), x);
        return gated(x, vf_mul(z, vf_set1(1.5957691216057308f)));
    }
    case LOAM_UNARY_QUICK_GELU:
        return gated(x, vf_mul(x, vf_set1(1.702f)));
    case LOAM_UNARY_RELU:
        return vf_max(vf_zero(), x);
    case LOAM_UNARY_TANH:
        return vf_tanh(x);
    default:
        return x;
    }
}

/* CALL(f) with f known to the compiler. */
#define UNARY_SWITCH(f, CALL)        \
    switch (f) {                     \
    case LOAM_UNARY_SILU:            \
        CALL(LOAM_UNARY_SILU);       \
        break;                       \
    case LOAM_UNARY_GELU:            \
        CALL(LOAM_UNARY_GELU);       \
        break;                       \
    case LOAM_UNARY_GELU_TANH:       \
        CALL(LOAM_UNARY_GELU_TANH);  \
        break;                       \
    case LOAM_UNARY_QUICK_GELU:      \
        CALL(LOAM_UNARY_QUICK_GELU); \
        break;                       \
    case LOAM_UNARY_RELU:            \
        CALL(LOAM_UNARY_RELU);       \
        break;                       \
    case LOAM_UNARY_TANH:            \
        CALL(LOAM_UNARY_TANH);       \
        break;                       \
    default:                         \
        CALL(LOAM_UNARY_NONE);       \
        break;                       \
    }

#endif
