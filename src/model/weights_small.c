/* Names of the small helpers: TAESD's bare sequence numbers to diffusers' AutoencoderTiny, AnimateDiff's motion modules
 * to diffusers' MotionAdapter. */
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"

void loam_names_tiny(const loam_names_facts *f, loam_name *n)
{
    int i;
    char with[64];
    bool decoder = f->tiny_decoder_only;
    const char *p = n->text;
    if (loam_starts(p, "encoder.layers.") || loam_starts(p, "decoder.layers."))
        return;
    if (loam_starts(p, "taesd_")) /* TAESD's decoder.safetensors inside a larger file */
        p += 6;
    if (loam_starts(p, "encoder.") || loam_starts(p, "decoder.")) {
        decoder = p[0] == 'd';
        p += 8;
    }
    const char *rest = loam_name_index(p, &i);
    if (!rest || (decoder && i == 0))
        return;
    /* the original decoder's first layer is a clamp without weights, which diffusers does not count */
    snprintf(with, sizeof with, "%s.layers.%d.", decoder ? "decoder" : "encoder", decoder ? i - 1 : i);
    loam_name_splice(n, 0, (size_t)(rest - n->text), with);
}

static const char *const motion[][2] = {
    {".temporal_transformer.", "."},
    {".attention_blocks.0.pos_encoder.", ".pos_embed."},
    {".attention_blocks.0.", ".attn1."},
    {".attention_blocks.1.", ".attn2."},
    {".norms.0.", ".norm1."},
    {".norms.1.", ".norm2."},
    {".ff_norm.", ".norm3."},
};

void loam_names_motion(loam_name *n)
{
    loam_name_swap_head(n, "module.", "");
    loam_name_swap_head(n, "unet.", "");
    loam_name_swap_pairs(n, motion, sizeof motion / sizeof *motion);
}
