#include "golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const loam_safetensors_tensor *find(const loam_safetensors *st, const char *name)
{
    const loam_safetensors_tensor *t = loam_safetensors_find(st, name);
    if (!t)
        fail_msg("the golden file has no tensor '%s'", name);
    return t;
}

static int64_t elements(const loam_safetensors_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->shape[i];
    return n;
}

const float *golden_f32(const loam_safetensors *st, const char *name, int64_t *n)
{
    const loam_safetensors_tensor *t = find(st, name);
    assert_int_equal(t->dtype, LOAM_SAFETENSORS_DTYPE_F32);
    assert_int_equal((uintptr_t)t->data % 4, 0);
    if (n)
        *n = elements(t);
    return (const float *)(const void *)t->data;
}

int64_t golden_dim(const loam_safetensors *st, const char *name, int i)
{
    const loam_safetensors_tensor *t = find(st, name);
    assert_true(i < t->n_dims);
    return t->shape[i];
}

int32_t *golden_ids(const loam_safetensors *st, const char *name, int64_t *n)
{
    const loam_safetensors_tensor *t = find(st, name);
    *n = elements(t);
    int32_t *ids = malloc((size_t)*n * sizeof *ids + 1);
    for (int64_t i = 0; i < *n; i++) {
        if (t->dtype == LOAM_SAFETENSORS_DTYPE_I64) {
            int64_t v;
            memcpy(&v, t->data + i * 8, 8);
            ids[i] = (int32_t)v;
        } else {
            assert_int_equal(t->dtype, LOAM_SAFETENSORS_DTYPE_I32);
            memcpy(&ids[i], t->data + i * 4, 4);
        }
    }
    return ids;
}

void golden_compare(const loam_safetensors *st, const char *name, const float *got, int64_t n, double times)
{
    char key[128];
    int64_t have;
    const float *want = golden_f32(st, name, &have);
    snprintf(key, sizeof key, "f32_error.%s", name);
    const char *error = loam_safetensors_find_metadata(st, key);
    /* single roundings of a result are not averaged away in small tensors */
    double tolerance = times * fmax(error ? atof(error) : 1e-5, 5e-7);
    assert_int_equal(have, n);
    double most = 0, worst = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        most = fmax(most, fabs((double)want[i]));
        if (!(d <= worst)) {
            worst = d;
            at = i;
        }
    }
    if (!(worst <= tolerance * most))
        fail_msg("%s: element %lld is %.9g, wanted %.9g: %.3g of the largest (%.4g), allowed %.3g", name, (long long)at,
                 (double)got[at], (double)want[at], worst / most, most, tolerance);
}
