/* Weights of a file on their way to the device: other types, other orders. All work on host memory. */
#ifndef LOAM_MODEL_WEIGHT_CONVERT_H
#define LOAM_MODEL_WEIGHT_CONVERT_H

#include "model/weights.h"

/* A matrix [n, k] ready for the device. data is v's own bytes or, when something had to change, `owned`. */
typedef struct loam_converted {
    loam_dtype dtype;
    const void *data;
    void *owned; /* free */
} loam_converted;

/* Rows [row0, row0 + n) of v taken as [rows, c] with `taps` taps behind each channel, as [n, taps · c] with the
 * channels fastest, in type `want` (LOAM_DTYPE_COUNT: v's own, where F64 and F8 are F16). v has been checked to hold
 * them. */
LOAM_CHECK_RESULT loam_status loam_convert_matrix(const loam_weight_view *v, int64_t row0, int64_t n, int64_t c,
                                                  int64_t taps, loam_dtype want, loam_converted *out, loam_err *err);
/* Elements [at, at + n) of v as f32. at and n are multiples of the type's block. */
void loam_convert_f32(const loam_weight_view *v, int64_t at, int64_t n, float *dst);
/* Whether there is a way from floats to this type. */
bool loam_convert_can_make(loam_dtype t);

#endif
