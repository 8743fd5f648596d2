/* Which model the weights are of. */
#include <string.h>

#include "model/weights_int.h"

static int64_t dim(const loam_weights *w, const char *name, int i)
{
    const loam_weight_view *v = loam_weights_find(w, name);
    return v && i < v->n_dims ? v->shape[i] : 0;
}

/* The width of the text that the UNet attends to. */
static int64_t context_width(const loam_weights *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const loam_weight_view *v = &w->entries[i]->view;
        if (loam_starts(v->name, "unet.") && loam_ends(v->name, ".attn2.to_k.weight") && v->n_dims == 2)
            return v->shape[1];
    }
    return 0;
}

loam_weights_family loam_weights_get_family(const loam_weights *w)
{
    if (loam_weights_has(w, "transformer.blocks.0."))
        return LOAM_WEIGHTS_WAN_T2V;
    if (!loam_weights_has(w, "unet.conv_in."))
        return LOAM_WEIGHTS_UNKNOWN;
    return loam_weights_has(w, "unet.add_embedding.") ? LOAM_WEIGHTS_SDXL : LOAM_WEIGHTS_SD15;
}

loam_status loam_weights_check(const loam_weights *w, loam_err *err)
{
    const char *what = NULL;
    int64_t in = dim(w, "unet.conv_in.weight", 1), clip = dim(w, "transformer.patch_embedding.weight", 1);
    if (in == 9)
        what = "an inpainting model (9 input channels)";
    else if (in == 8)
        what = "a model that edits pictures (8 input channels)";
    else if (in != 0 && in != 4)
        what = "another kind of UNet (not 4 input channels)";
    else if (loam_weights_has(w, "unet.add_embedding.") && dim(w, "unet.add_embedding.linear_1.weight", 1) == 2560)
        what = "the SDXL refiner";
    else if (!loam_weights_has(w, "unet.add_embedding.") && context_width(w) == 1024)
        what = "Stable Diffusion 2";
    else if (clip == 36)
        what = "Wan image to video";
    else if (clip == 48)
        what = "Wan 2.2 5B";
    if (what)
        LOAM_FAIL(err, UNSUPPORTED, "%s: this is %s; " LOAM_WEIGHTS_RUNS, w->path, what);
    return LOAM_OK;
}
