/* Wan's parts from files in which one tensor is missing, or one row short: each time something must be said about it,
 * and nothing read that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/safetensors.h"
#include "model/taehv.h"
#include "model/umt5.h"
#include "model/wan.h"
#include "model/wan_vae.h"
#include "tensor_file.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"

static loam_status use_transformer(loam_weight_store *s, loam_err *err)
{
    float text[4 * 24] = {0.5f}, keys[2 * 4 * 2 * 28];
    const loam_wan_params p = {28, 16, 16, 24, 32, 512, 2, 2, 1e-6f};
    loam_wan m;
    LOAM_TRY(loam_wan_text(s, &p, 1, 4, text, keys, err));
    LOAM_TRY(loam_wan_init(&m, s, &p, 1, 1, 4, 4, 4, err));
    loam_wan_deinit(&m);
    return LOAM_OK;
}

static loam_status use_text_encoder(loam_weight_store *s, loam_err *err)
{
    static const int32_t tokens[] = {5, 6, 1};
    float out[4 * 24];
    loam_umt5_params p;
    LOAM_TRY(loam_umt5_read(loam_weight_store_weights(s), "text_encoder", &p, err));
    if (p.width != 24 || p.n_layers != 2)
        LOAM_FAIL(err, CORRUPT, "seen to be another size");
    return loam_umt5_encode(s, &p, &(loam_umt5_prompt){tokens, 3, out}, 1, 4, err);
}

static loam_status use_vae(loam_weight_store *s, loam_err *err)
{
    enum { PIXELS = 4 * 8 * 8 * 3 };
    float latent[64 * 2] = {0}, pixels[PIXELS] = {0};
    loam_wan_vae_params p;
    LOAM_TRY(loam_wan_vae_read(loam_weight_store_weights(s), &p, err));
    if (p.factor != 8 || p.factor_t != 4)
        LOAM_FAIL(err, CORRUPT, "seen to be another size");
    for (int encoder = 0; encoder < 2; encoder++) {
        loam_wan_vae v;
        LOAM_TRY(loam_wan_vae_begin(&v, s, &p, encoder, 2, 1, 1, err));
        loam_status st = encoder ? loam_wan_vae_encode_step(&v, pixels, latent, err)
                                 : loam_wan_vae_decode_step(&v, latent, pixels, err);
        loam_wan_vae_end(&v);
        LOAM_TRY(st);
    }
    return LOAM_OK;
}

static loam_status use_taehv(loam_weight_store *s, loam_err *err)
{
    loam_taehv_params p;
    LOAM_TRY(loam_taehv_read(loam_weight_store_weights(s), &p, err));
    for (int encoder = 0; encoder < 2; encoder++) {
        loam_taehv v;
        LOAM_TRY(loam_taehv_begin(&v, s, &p, encoder, 1, 1, 1, err));
        loam_taehv_end(&v);
    }
    return LOAM_OK;
}

/* A copy of st whose tensor `which` is left out, or has one row less. */
static void write_without(const loam_safetensors *st, size_t which, bool row_only, const char *path)
{
    tensor_file *f = tensor_file_new();
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        int64_t rows = t->shape[0], inner = 1;
        for (int j = 1; j < t->n_dims; j++)
            inner *= t->shape[j];
        if (i == which && !row_only)
            continue;
        rows -= i == which;
        char shape[96];
        int at = snprintf(shape, sizeof shape, "[%lld", (long long)rows);
        for (int j = 1; j < t->n_dims; j++)
            at += snprintf(shape + at, sizeof shape - (size_t)at, ",%lld", (long long)t->shape[j]);
        snprintf(shape + at, sizeof shape - (size_t)at, "]");
        size_t bits = (size_t)loam_safetensors_dtype_bits(t->dtype);
        tensor_file_add(f, t->name, loam_safetensors_dtype_name(t->dtype), shape, t->data,
                        (size_t)(rows * inner) * bits / 8);
    }
    tensor_file_write(f, path);
}

static loam_status try_file(const char *path, loam_device *d, loam_status (*use)(loam_weight_store *, loam_err *),
                            loam_err *err)
{
    loam_weights *w = NULL;
    loam_weight_store *s = NULL;
    loam_status st = loam_weights_open(path, &w, err);
    if (st == LOAM_OK)
        st = loam_weight_store_new(&loam_device_cpu, d, w, LOAM_DTYPE_COUNT, &s, err);
    if (st == LOAM_OK)
        st = use(s, err);
    loam_weight_store_free(s);
    loam_weights_close(w);
    return st;
}

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), k = strlen(with);
    return n >= k && strcmp(s + n - k, with) == 0;
}

static void broken_files(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        loam_status (*use)(loam_weight_store *, loam_err *);
        const char *may_lack[4], *may_be_short; /* names whose absence makes another sound model */
    } cases[] = {
        {"wan/original_transformer.safetensors", use_transformer, {0}, NULL},
        {"wan/original_text_encoder.safetensors",
         use_text_encoder,
         {"blocks.1.pos_embedding.embedding.weight"}, /* plain T5 */
         "token_embedding.weight"},
        {"wan/original_vae.safetensors", use_vae, {0}, NULL},
        {"taehv/taehv.safetensors",
         use_taehv,
         {"decoder.1.bias", "decoder.22.bias", "encoder.0.bias", "encoder.17.bias"}, /* convolutions may have none */
         NULL},
    };
    const char *tmp = getenv("TMPDIR");
    char path[1024], original[1024];
    snprintf(path, sizeof path, "%s/loam-wan-%ld.safetensors", tmp ? tmp : "/tmp", (long)getpid());
    loam_device *d = NULL;
    loam_err err = {0};
    assert_int_equal(loam_device_cpu.open(1, &d, &err), LOAM_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        loam_safetensors *st = NULL;
        snprintf(original, sizeof original, PICTURES "%s", cases[c].file);
        assert_int_equal(loam_safetensors_open(original, &st, &err), LOAM_OK);
        assert_int_equal(try_file(original, d, cases[c].use, &err), LOAM_OK);
        for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++)
            for (int row_only = 0; row_only < 2; row_only++) {
                const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
                bool fine = row_only && cases[c].may_be_short && ends(t->name, cases[c].may_be_short);
                for (int j = 0; j < 4 && !row_only; j++)
                    fine = fine || (cases[c].may_lack[j] && strcmp(t->name, cases[c].may_lack[j]) == 0);
                write_without(st, i, row_only, path);
                err = (loam_err){0};
                loam_status got = try_file(path, d, cases[c].use, &err);
                if ((got == LOAM_OK) != fine || (got != LOAM_OK && strlen(err.msg) < 20))
                    fail_msg("%s: '%s' %s: status %d, '%s'", cases[c].file, t->name,
                             row_only ? "one row short" : "missing", (int)got, err.msg);
            }
        loam_safetensors_close(st);
    }
    remove(path);
    loam_device_cpu.close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(broken_files)};
    return cmocka_run_group_tests_name("Wan's files", tests, NULL, NULL);
}
