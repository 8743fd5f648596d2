/* Tensors of a golden.safetensors, and comparing with them. */
#ifndef LOAM_TESTS_MODEL_GOLDEN_H
#define LOAM_TESTS_MODEL_GOLDEN_H

#include "format/safetensors.h"

/* f32 tensor `name` (fails the test when absent); *n: its elements. Borrowed from st. */
const float *golden_f32(const loam_safetensors *st, const char *name, int64_t *n);
/* Dimension i of a tensor. */
int64_t golden_dim(const loam_safetensors *st, const char *name, int i);
/* i64 or i32 tensor as int32_t [n], to be freed. */
int32_t *golden_ids(const loam_safetensors *st, const char *name, int64_t *n);
/* got [n] against the tensor: the largest difference must not pass `times` the reference's own error in f32 (which the
 * file has as "f32_error.<name>", against f64, as a share of the tensor's largest magnitude). */
void golden_compare(const loam_safetensors *st, const char *name, const float *got, int64_t n, double times);

#endif
