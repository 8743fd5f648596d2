/* Hyper-parameters from GGUF keys "<arch>.<key>", each checked: a lying file gives a sentence, never a huge allocation.
 */
#include <stdio.h>
#include <string.h>

#include "model/model_int.h"

typedef struct reader {
    const loam_gguf *g;
    const char *arch;
    loam_err *err;
} reader;

static loam_status read_int(const reader *r, const char *key, bool required, int low, int high, int *out)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", r->arch, key);
    const loam_gguf_kv *kv = loam_gguf_find_kv(r->g, name);
    if (!kv) {
        if (required)
            LOAM_FAIL(r->err, CORRUPT, "the key '%s' is missing: the file is not a complete %s model", name, r->arch);
        return LOAM_OK;
    }
    int64_t v = 0;
    if (kv->type == LOAM_GGUF_TYPE_ARRAY) { /* a value per layer: they must agree */
        for (uint64_t i = 0; i < kv->n; i++) {
            int64_t e = kv->strings ? -1 : loam_gguf_kv_i64(kv, i);
            if (i > 0 && e != v)
                LOAM_FAIL(r->err, UNSUPPORTED, "'%s' differs from layer to layer, which Loam does not support", name);
            v = e;
        }
    } else if (!loam_gguf_get_i64(r->g, name, &v)) {
        LOAM_FAIL(r->err, CORRUPT, "the key '%s' is not a number", name);
    }
    if (v < low || v > high)
        LOAM_FAIL(r->err, CORRUPT, "the key '%s' is %lld; it must lie between %d and %d", name, (long long)v, low,
                  high);
    *out = (int)v;
    return LOAM_OK;
}

static loam_status read_float(const reader *r, const char *key, bool required, float *out)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", r->arch, key);
    if (!loam_gguf_find_kv(r->g, name)) {
        if (required)
            LOAM_FAIL(r->err, CORRUPT, "the key '%s' is missing: the file is not a complete %s model", name, r->arch);
        return LOAM_OK;
    }
    if (!loam_gguf_get_f32(r->g, name, out) || !(*out >= 0 && *out < 1e12f))
        LOAM_FAIL(r->err, CORRUPT, "the key '%s' is not a number that makes sense", name);
    return LOAM_OK;
}

static loam_status read_rope(const reader *r, bool neox, loam_hparams *hp)
{
    loam_rope_params *p = &hp->rope;
    *p = (loam_rope_params){.base = 10000.0f,
                            .scale = 1.0f,
                            .n_rot = hp->head_dim,
                            .neox = neox,
                            .attn_factor = 1.0f,
                            .beta_fast = 32.0f,
                            .beta_slow = 1.0f,
                            .n_ctx_orig = hp->n_ctx_train};
    LOAM_TRY(read_int(r, "rope.dimension_count", false, 2, LOAM_MAX_HEAD_DIM, &p->n_rot));
    LOAM_TRY(read_float(r, "rope.freq_base", false, &p->base));
    char key[96];
    loam_gguf_str type = {"", 0};
    float factor = 0;
    snprintf(key, sizeof key, "%s.rope.scaling.type", r->arch);
    if (!loam_gguf_get_str(r->g, key, &type))
        LOAM_FAIL(r->err, CORRUPT, "the key '%s' is not a string", key);
    LOAM_TRY(read_float(r, "rope.scaling.factor", false, &factor));
    if (factor == 0)
        LOAM_TRY(read_float(r, "rope.scale_linear", false, &factor));
    LOAM_TRY(read_int(r, "rope.scaling.original_context_length", false, 1, 1 << 30, &p->n_ctx_orig));
    LOAM_TRY(read_float(r, "rope.scaling.attn_factor", false, &p->attn_factor));
    LOAM_TRY(read_float(r, "rope.scaling.yarn_beta_fast", false, &p->beta_fast));
    LOAM_TRY(read_float(r, "rope.scaling.yarn_beta_slow", false, &p->beta_slow));
    bool none = type.len == 4 && memcmp(type.data, "none", 4) == 0;
    bool yarn = type.len == 4 && memcmp(type.data, "yarn", 4) == 0;
    bool linear = type.len == 0 || (type.len == 6 && memcmp(type.data, "linear", 6) == 0);
    if (!none && !yarn && !linear)
        LOAM_FAIL(r->err, UNSUPPORTED, "rotary scaling of type '%.*s' is not supported; linear and yarn are",
                  (int)(type.len < 32 ? type.len : 32), type.data);
    if (factor > 0 && !none)
        p->scale = 1.0f / factor;
    if (yarn)
        p->ext_factor = 1.0f;
    if (p->n_rot % 2 || p->n_rot > hp->head_dim)
        LOAM_FAIL(r->err, CORRUPT, "%d rotated dimensions do not fit heads of %d", p->n_rot, hp->head_dim);
    return LOAM_OK;
}

loam_status loam_hparams_read(const loam_gguf *g, const char *arch, bool neox, loam_hparams *hp, loam_err *err)
{
    reader r = {g, arch, err};
    memset(hp, 0, sizeof *hp);
    snprintf(hp->arch, sizeof hp->arch, "%s", arch);
    int experts = 0, value_dim;
    LOAM_TRY(read_int(&r, "expert_count", false, 0, 1 << 16, &experts));
    if (experts > 0)
        LOAM_FAIL(err, UNSUPPORTED, "this is a mixture of %d experts; Loam runs dense %s models only", experts, arch);
    LOAM_TRY(read_int(&r, "block_count", true, 1, 1024, &hp->n_layers));
    LOAM_TRY(read_int(&r, "embedding_length", true, 1, 1 << 20, &hp->n_embd));
    LOAM_TRY(read_int(&r, "feed_forward_length", true, 1, 1 << 22, &hp->n_ff));
    LOAM_TRY(read_int(&r, "attention.head_count", true, 1, 4096, &hp->n_heads));
    hp->n_kv_heads = hp->n_heads;
    LOAM_TRY(read_int(&r, "attention.head_count_kv", false, 1, 4096, &hp->n_kv_heads));
    hp->n_ctx_train = 2048;
    LOAM_TRY(read_int(&r, "context_length", false, 1, 1 << 30, &hp->n_ctx_train));
    hp->head_dim = hp->n_embd / hp->n_heads;
    LOAM_TRY(read_int(&r, "attention.key_length", false, 1, LOAM_MAX_HEAD_DIM, &hp->head_dim));
    value_dim = hp->head_dim;
    LOAM_TRY(read_int(&r, "attention.value_length", false, 1, LOAM_MAX_HEAD_DIM, &value_dim));
    if (value_dim != hp->head_dim)
        LOAM_FAIL(err, UNSUPPORTED, "keys of %d and values of %d dimensions: Loam wants them equal", hp->head_dim,
                  value_dim);
    if (hp->head_dim < 1 || hp->head_dim > LOAM_MAX_HEAD_DIM || hp->n_heads % hp->n_kv_heads ||
        hp->n_heads / hp->n_kv_heads > LOAM_ATTENTION_MAX_ROWS)
        LOAM_FAIL(err, CORRUPT, "%d heads of %d dimensions over %d key/value heads do not make an attention layer",
                  hp->n_heads, hp->head_dim, hp->n_kv_heads);
    LOAM_TRY(read_float(&r, "attention.layer_norm_rms_epsilon", true, &hp->rms_eps));
    return read_rope(&r, neox, hp);
}
