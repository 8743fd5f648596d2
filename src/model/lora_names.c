/* Namings of adapters:
 *   kohya            lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight, .lora_up.weight, .alpha;
 *                    lora_te_text_model_…, for SDXL lora_te1_… and lora_te2_…
 *   original blocks  lora_unet_input_blocks_1_1_proj_in.…; Wan: lora_unet_blocks_0_self_attn_q.…
 *   PEFT, diffusers  unet.down_blocks.0.attentions.0.proj_in.lora_A.weight, or .lora.down.weight, or an attention
 *                    processor's attn1.processor.to_q_lora.down.weight
 *   Wan's own        diffusion_model.blocks.0.self_attn.q.lora_down.weight */
#include "model/lora_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *tail;
    loam_lora_role role;
} tails[] = {
    {".lora_down.weight", LOAM_LORA_DOWN},
    {".lora_up.weight", LOAM_LORA_UP},
    {".lora_A.weight", LOAM_LORA_DOWN},
    {".lora_B.weight", LOAM_LORA_UP},
    {".lora_A.default.weight", LOAM_LORA_DOWN},
    {".lora_B.default.weight", LOAM_LORA_UP},
    {".lora.down.weight", LOAM_LORA_DOWN},
    {".lora.up.weight", LOAM_LORA_UP},
    {".lora_linear_layer.down.weight", LOAM_LORA_DOWN},
    {".lora_linear_layer.up.weight", LOAM_LORA_UP},
    {"_lora.down.weight", LOAM_LORA_DOWN},
    {"_lora.up.weight", LOAM_LORA_UP},
    {".lora_B.bias", LOAM_LORA_DIFF_BIAS},
    {".alpha", LOAM_LORA_ALPHA},
    {".diff_b", LOAM_LORA_DIFF_BIAS},
    {".diff", LOAM_LORA_DIFF},
};

loam_lora_role loam_lora_role_of(const char *raw, loam_name *base)
{
    loam_name_set(base, raw);
    for (size_t i = 0; !base->failed && i < sizeof tails / sizeof *tails; i++)
        if (loam_ends(raw, tails[i].tail)) {
            base->text[strlen(raw) - strlen(tails[i].tail)] = '\0';
            return tails[i].role;
        }
    return LOAM_LORA_OTHER;
}

const char *loam_lora_foreign(const char *raw)
{
    static const struct {
        const char *sign, *kind;
    } kinds[] = {
        {".hada_w1_", "LoHa"},
        {".hada_w2_", "LoHa"},
        {".hada_t1", "LoHa"},
        {".lokr_w", "LoKr"},
        {".lokr_t2", "LoKr"},
        {".dora_scale", "DoRA"},
        {"magnitude_vector", "DoRA"},
        {".oft_", "OFT"},
        {".lora_mid.", "LoCon with a middle factor"},
        {".glora_", "GLoRA"},
        {".a1.weight", "GLoRA"},
        {".w_norm", "a weight that replaces another"},
        {".b_norm", "a bias that replaces another"},
        {".on_input", "IA3"},
        {".diff_m", "a difference of modulations"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(raw, kinds[i].sign))
            return kinds[i].kind;
    return NULL;
}

typedef struct flat_layer {
    const char *flat, *layer;
} flat_layer;

struct loam_lora_layers {
    flat_layer *by_flat, *by_layer; /* of the same layers, sorted by either */
    size_t n;
    loam_names_facts facts;
};

static int by_flat(const void *a, const void *b)
{
    return strcmp(((const flat_layer *)a)->flat, ((const flat_layer *)b)->flat);
}

static int by_layer(const void *a, const void *b)
{
    return strcmp(((const flat_layer *)a)->layer, ((const flat_layer *)b)->layer);
}

static void flatten(char *s)
{
    for (; *s; s++)
        if (*s == '.')
            *s = '_';
}

loam_status loam_lora_layers_new(const loam_weights *model, loam_arena *arena, loam_lora_layers **out, loam_err *err)
{
    loam_lora_layers *l = loam_arena_alloc(arena, sizeof *l);
    const size_t n = loam_weights_n(model);
    if (!l || !(l->by_flat = loam_arena_alloc(arena, n * sizeof *l->by_flat)) ||
        !(l->by_layer = loam_arena_alloc(arena, n * sizeof *l->by_layer)))
        LOAM_FAIL(err, NO_MEMORY, "no memory for the names of the layers");
    for (size_t i = 0; i < n; i++) {
        const char *name = loam_weights_at(model, i)->name;
        if (!loam_ends(name, ".weight"))
            continue;
        char *layer = loam_arena_strndup(arena, name, strlen(name) - strlen(".weight"));
        char *flat = layer ? loam_arena_strndup(arena, layer, strlen(layer)) : NULL;
        if (!flat)
            LOAM_FAIL(err, NO_MEMORY, "no memory for the names of the layers");
        flatten(flat);
        l->by_flat[l->n++] = (flat_layer){flat, layer};
    }
    memcpy(l->by_layer, l->by_flat, l->n * sizeof *l->by_layer);
    qsort(l->by_flat, l->n, sizeof *l->by_flat, by_flat);
    qsort(l->by_layer, l->n, sizeof *l->by_layer, by_layer);
    l->facts.unet_period = loam_weights_count(model, "unet.down_blocks.0.resnets") + 1;
    *out = l;
    return LOAM_OK;
}

static const char *find_flat(const loam_lora_layers *l, const char *part, const char *rest)
{
    char name[4 * LOAM_WEIGHT_NAME_MAX];
    snprintf(name, sizeof name, "%s_%s", part, rest);
    flatten(name);
    flat_layer key = {.flat = name}, *hit = bsearch(&key, l->by_flat, l->n, sizeof key, by_flat);
    return hit ? hit->layer : NULL;
}

static const char *find_layer(const loam_lora_layers *l, const char *part, const char *rest)
{
    char name[4 * LOAM_WEIGHT_NAME_MAX];
    snprintf(name, sizeof name, "%s.%s", part, rest);
    flat_layer key = {.layer = name}, *hit = bsearch(&key, l->by_layer, l->n, sizeof key, by_layer);
    return hit ? hit->layer : NULL;
}

/* Underscores in front of numbers become dots. */
static void dot_numbers(char *s)
{
    for (; *s; s++)
        if (*s == '_' && s[1] >= '0' && s[1] <= '9')
            *s = '.';
}

/* "input_blocks_4_1_proj_in" as "input_blocks.4.1.proj_in.", and the layers of a resnet with their dots; what stands in
 * an attention stays flat. */
static void dot_original(loam_name *n)
{
    static const char *const blocks[] = {"input_blocks_", "output_blocks_", "middle_block_"};
    for (int b = 0; b < 3; b++) {
        if (!loam_starts(n->text, blocks[b]))
            continue;
        char *p = n->text + strlen(blocks[b]) - 1;
        for (int i = 0; i < (b < 2 ? 2 : 1) && *p == '_'; i++) {
            *p++ = '.';
            while (*p >= '0' && *p <= '9')
                p++;
        }
        if (*p == '_')
            *p++ = '.';
        if (loam_starts(p, "in_layers") || loam_starts(p, "out_layers") || loam_starts(p, "emb_layers"))
            dot_numbers(p);
        loam_name_splice(n, strlen(n->text), 0, ".");
        return;
    }
    dot_numbers(n->text); /* time_embed_0, label_emb_0_0, out_2 */
    loam_name_splice(n, strlen(n->text), 0, ".");
}

/* Wan's "blocks_0_self_attn_q" with its dots. */
static void dot_wan(loam_name *n)
{
    static const char *const whole[][2] = {{"self.attn", "self_attn"},
                                           {"cross.attn", "cross_attn"},
                                           {"time.embedding", "time_embedding"},
                                           {"text.embedding", "text_embedding"},
                                           {"time.projection", "time_projection"}};
    for (char *s = n->text; *s; s++)
        if (*s == '_')
            *s = '.';
    loam_name_swap_pairs(n, whole, sizeof whole / sizeof *whole);
    loam_name_splice(n, strlen(n->text), 0, ".");
}

static void drop_last(loam_name *n)
{
    size_t len = strlen(n->text);
    if (len && n->text[len - 1] == '.')
        n->text[len - 1] = '\0';
}

static const char *flat_of_unet(const loam_lora_layers *l, const char *rest)
{
    const char *hit = find_flat(l, "unet", rest);
    if (!hit)
        hit = find_flat(l, "transformer", rest);
    if (hit)
        return hit;
    loam_name n;
    loam_name_set(&n, rest);
    dot_original(&n);
    loam_names_unet(&l->facts, &n);
    drop_last(&n);
    if (!n.failed && (hit = find_flat(l, "unet", n.text)))
        return hit;
    loam_name_set(&n, rest);
    dot_wan(&n);
    loam_names_wan(&n);
    drop_last(&n);
    return n.failed ? NULL : find_layer(l, "transformer", n.text);
}

static const char *in_unet(const loam_lora_layers *l, const char *rest)
{
    loam_name n;
    loam_name_set(&n, rest);
    /* attention processors stand between the attention and its projections */
    loam_name_swap(&n, ".processor.", ".");
    if (loam_ends(n.text, ".to_out"))
        loam_name_splice(&n, strlen(n.text), 0, ".0");
    loam_name_splice(&n, strlen(n.text), 0, ".");
    loam_names_unet(&l->facts, &n);
    drop_last(&n);
    return n.failed ? NULL : find_layer(l, "unet", n.text);
}

static const char *in_transformer(const loam_lora_layers *l, const char *rest)
{
    loam_name n;
    loam_name_set(&n, rest);
    loam_name_splice(&n, strlen(n.text), 0, ".");
    loam_names_wan(&n);
    drop_last(&n);
    return n.failed ? NULL : find_layer(l, "transformer", n.text);
}

static const char *in_text(const loam_lora_layers *l, const char *part, const char *rest)
{
    loam_name n;
    bool transposed = false;
    loam_name_set(&n, rest);
    loam_name_splice(&n, strlen(n.text), 0, ".");
    loam_names_clip(&n, &transposed);
    drop_last(&n);
    return n.failed ? NULL : find_layer(l, part, n.text);
}

const char *loam_lora_layer_of(const loam_lora_layers *l, const char *base)
{
    static const struct {
        const char *head, *part;
    } flats[] = {
        {"lora_te1_", "text_encoder"},
        {"lora_te2_", "text_encoder_2"},
        {"lora_te_", "text_encoder"},
    };
    base += loam_starts(base, "base_model.model.") ? strlen("base_model.model.") : 0;
    for (size_t i = 0; i < sizeof flats / sizeof *flats; i++)
        if (loam_starts(base, flats[i].head))
            return find_flat(l, flats[i].part, base + strlen(flats[i].head));
    if (loam_starts(base, "lora_unet_"))
        return flat_of_unet(l, base + strlen("lora_unet_"));
    if (loam_starts(base, "lora_transformer_"))
        return flat_of_unet(l, base + strlen("lora_transformer_"));
    if (loam_starts(base, "text_encoder_2."))
        return in_text(l, "text_encoder_2", base + strlen("text_encoder_2."));
    if (loam_starts(base, "text_encoder."))
        return in_text(l, "text_encoder", base + strlen("text_encoder."));
    if (loam_starts(base, "unet."))
        return in_unet(l, base + strlen("unet."));
    if (loam_starts(base, "transformer."))
        return in_transformer(l, base + strlen("transformer."));
    base += loam_starts(base, "model.diffusion_model.") ? strlen("model.") : 0;
    base += loam_starts(base, "diffusion_model.") ? strlen("diffusion_model.") : 0;
    const char *hit = in_unet(l, base);
    return hit ? hit : in_transformer(l, base);
}
