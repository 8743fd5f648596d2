/* Puts the functions of simd/ into a level's table. */
#ifndef LOAM_KERNEL_TABLE_H
#define LOAM_KERNEL_TABLE_H

#define QUANTISED_CASE(TYPE)                                                      \
    case LOAM_DTYPE_##TYPE:                                                       \
        matmul_##TYPE(w, g0, n_groups, act, act_stride, m, y, y_stride, scratch); \
        return;

static void matmul(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride, int64_t m,
                   float *y, int64_t y_stride, void *scratch)
{
    switch (w->dtype) {
        QUANTISED_CASE(Q4_0)
        QUANTISED_CASE(Q4_1)
        QUANTISED_CASE(Q5_0)
        QUANTISED_CASE(Q5_1)
        QUANTISED_CASE(Q8_0)
        QUANTISED_CASE(Q2_K)
        QUANTISED_CASE(Q3_K)
        QUANTISED_CASE(Q4_K)
        QUANTISED_CASE(Q5_K)
        QUANTISED_CASE(Q6_K)
        QUANTISED_CASE(IQ4_NL)
        QUANTISED_CASE(IQ4_XS)
        QUANTISED_CASE(MXFP4)
    case LOAM_DTYPE_F16:
        matmul_F16(w, g0, n_groups, act, act_stride, m, y, y_stride);
        return;
    case LOAM_DTYPE_BF16:
        matmul_BF16(w, g0, n_groups, act, act_stride, m, y, y_stride);
        return;
    default:
        matmul_F32(w, g0, n_groups, act, act_stride, m, y, y_stride);
        return;
    }
}

#define LEVEL_TABLE                                                                                             \
    .quantize_q8 = quantize_q8, .quantize_q8k = quantize_q8k, .rms_norm = rms_norm, .add = add, .rope = rope,   \
    .kv_write = kv_write, .attention = attention, .peak_f32 = peak_f32, .peak_i8 = peak_i8, .read = read_bytes, \
    CONV_TABLE, PICTURE_TABLE, ATTEND_TABLE

#endif
