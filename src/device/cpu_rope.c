/* Rotary frequencies: base, per-dimension factors (Llama 3), linear interpolation, YaRN (Peng et al. 2023, section 3).
 */
#include <math.h>

#include "device/cpu_int.h"

/* The dimension whose wave length makes n_rotations over the original context. */
static double yarn_dim(int n_rot, int n_ctx_orig, double n_rotations, double base)
{
    return n_rot * log(n_ctx_orig / (n_rotations * 2 * 3.14159265358979323846)) / (2 * log(base));
}

void loam_cpu_rope_freqs(const loam_op *o, const float *factors, double *freqs, double *amplitude)
{
    const double base = (double)o->rope_base, scale = (double)o->rope_scale, ext = (double)o->rope_ext_factor;
    double low = 0, high = 0;
    *amplitude = (double)o->rope_attn_factor;
    if (ext > 0) {
        low = floor(yarn_dim(o->n_rot, o->rope_n_ctx_orig, (double)o->rope_beta_fast, base));
        high = ceil(yarn_dim(o->n_rot, o->rope_n_ctx_orig, (double)o->rope_beta_slow, base));
        low = low > 0 ? low : 0;
        high = high < o->n_rot - 1 ? high : o->n_rot - 1;
        *amplitude *= 1 + 0.1 * log(1 / scale);
    }
    for (int i = 0; i < o->n_rot / 2; i++) {
        double plain = pow(base, -2.0 * i / o->n_rot) / (factors ? (double)factors[i] : 1.0), stretched = plain * scale;
        double ramp = 0;
        if (ext > 0) {
            double y = (i - low) / fmax(0.001, high - low);
            ramp = (1 - fmin(1, fmax(0, y))) * ext;
        }
        freqs[i] = stretched * (1 - ramp) + plain * ramp;
    }
}
