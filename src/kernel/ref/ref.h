/* The reference functions, one per entry of the table (kernel/ops.h says what each does). */
#ifndef LOAM_KERNEL_REF_H
#define LOAM_KERNEL_REF_H

#include "kernel/ops.h"

void loam_matmul_ref(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride, int64_t m,
                     float *y, int64_t y_stride, void *scratch);
void loam_rms_norm_ref(const float *x, int64_t x_stride, const float *w, float eps, int64_t m, int64_t n, float *y,
                       int64_t y_stride);
void loam_add_ref(const float *a, const float *b, int64_t n, float *y);
void loam_rope_ref(float *x, int64_t n_heads, int64_t head_dim, int64_t n_rot, bool neox, const float *cos,
                   const float *sin);
void loam_kv_write_ref(const float *k, const float *v, int64_t head_dim, int64_t pos, uint16_t *k_cache,
                       uint16_t *v_cache);
void loam_attention_ref(const loam_attention_task *t, void *scratch);
void loam_conv_ref(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t r0, int64_t m,
                   int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride, void *scratch);
void loam_winograd_ref(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t t0,
                       int64_t n_tiles, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                       void *scratch);
void loam_group_stats_ref(const float *x, int64_t x_stride, int64_t m, int64_t c, int groups, double *out);
void loam_affine_ref(const float *x, int64_t x_stride, int64_t m, int64_t c, const float *mul, const float *add,
                     loam_unary f, float *y, int64_t y_stride);
void loam_layer_norm_ref(const float *x, int64_t x_stride, int64_t m, int64_t n, float eps, const float *mul,
                         const float *add, float *y, int64_t y_stride);
void loam_unary_ref(loam_unary f, const float *x, int64_t n, float *y);
void loam_gate_ref(loam_unary f, const float *gate, const float *up, int64_t n, float *y);
void loam_mul_add_ref(const float *a, const float *b, const float *c, int64_t n, float *y);
void loam_attend_pack_ref(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0, int64_t m,
                          int64_t n_k, int head_dim, float *kp, float *vp);
void loam_attend_ref(const loam_attend_task *t, void *scratch);
uint64_t loam_peak_f32_ref(int64_t n);
uint64_t loam_peak_i8_ref(int64_t n);
uint64_t loam_read_ref(const void *p, size_t n);

#endif
