/* Names: each tensor of the tiny models that diffusers wrote (tests/golden/pictures) must be found under its part and
 * its own name, in the folder and in the file of the original layout, with the same numbers; and nothing may be left
 * over. The lists under tests/golden/pictures/names do the same for the names of the real models, which diffusers'
 * own converters made. The store: conversions against other programs' numbers, and what it must refuse. */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/safetensors.h"
#include "model/weight_convert.h"
#include "model/weight_store.h"
#include "model/weights.h"
#include "tensor_file.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"

static loam_weights *open_ok(const char *path)
{
    loam_err err = LOAM_ERR_INIT;
    loam_weights *w = NULL;
    if (loam_weights_open(path, &w, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return w;
}

static void add_ok(loam_weights *w, const char *path, const char *part)
{
    loam_err err = LOAM_ERR_INIT;
    if (loam_weights_add(w, path, part, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
}

/* Element i of a matrix view in the order of its shape. */
static void same_numbers(const loam_weight_view *v, const loam_safetensors_tensor *t)
{
    if (v->bytes != t->bytes || v->n_dims != t->n_dims ||
        memcmp(v->shape, t->shape, sizeof t->shape[0] * (size_t)t->n_dims))
        fail_msg("%s: other size or shape", v->name);
    size_t e = (size_t)loam_safetensors_dtype_bits(t->dtype) / 8, n = t->bytes / e;
    for (size_t i = 0; i < n; i++) {
        size_t from = i;
        if (v->transposed) /* [n, k] that lies as [k, n] */
            from = i % (size_t)v->shape[1] * (size_t)v->shape[0] + i / (size_t)v->shape[1];
        if (memcmp(v->data + from * e, t->data + i * e, e) != 0)
            fail_msg("%s: element %zu differs", v->name, i);
    }
}

/* Every tensor of diffusers' own file is in w as "<part>.<its name>"; adds how many there are. */
static size_t holds_all(const loam_weights *w, const char *file, const char *part)
{
    loam_err err = LOAM_ERR_INIT;
    loam_safetensors *st = NULL;
    if (loam_safetensors_open(file, &st, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    size_t n = loam_safetensors_n_tensors(st);
    for (size_t i = 0; i < n; i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        char name[256];
        snprintf(name, sizeof name, "%s.%s", part, t->name);
        const loam_weight_view *v = loam_weights_find(w, name);
        if (!v)
            fail_msg("%s is not found", name);
        else
            same_numbers(v, t);
    }
    loam_safetensors_close(st);
    return n;
}

static void none_left(const loam_weights *w, size_t n)
{
    const char *first = NULL;
    if (loam_weights_n_unknown(w, &first) != 0)
        fail_msg("%s is known to no rule", first);
    assert_int_equal(loam_weights_n(w), n);
}

static size_t holds_sd15(const loam_weights *w)
{
    return holds_all(w, PICTURES "sd15/unet/diffusion_pytorch_model.safetensors", "unet") +
           holds_all(w, PICTURES "sd15/vae/diffusion_pytorch_model.safetensors", "vae") +
           holds_all(w, PICTURES "sd15/text_encoder/model.safetensors", "text_encoder");
}

static void test_sd15(void **state)
{
    (void)state;
    const char *paths[] = {PICTURES "sd15", PICTURES "sd15/original.safetensors"};
    for (int i = 0; i < 2; i++) {
        loam_weights *w = open_ok(paths[i]);
        none_left(w, holds_sd15(w));
        assert_int_equal(loam_weights_get_family(w), LOAM_WEIGHTS_SD15);
        assert_int_equal(loam_weights_count(w, "unet.down_blocks"), 4);
        assert_int_equal(loam_weights_count(w, "text_encoder.text_model.encoder.layers"), 3);
        assert_true(loam_weights_has(w, "unet.mid_block.attentions.0."));
        assert_false(loam_weights_has(w, "text_encoder_2."));
        assert_string_equal(loam_weights_path(w), paths[i]);
        const char *config = loam_weights_config(w, "unet");
        assert_true(i == 0 ? config && strstr(config, "UNet2DConditionModel") : !config);
        config = loam_weights_config(w, "scheduler");
        assert_true(i == 0 ? config && strstr(config, "beta_start") : !config);
        loam_weights_close(w);
    }
}

static void test_sdxl(void **state)
{
    (void)state;
    const char *paths[] = {PICTURES "sdxl", PICTURES "sdxl/original.safetensors"};
    for (int i = 0; i < 2; i++) {
        loam_weights *w = open_ok(paths[i]);
        size_t n = holds_all(w, PICTURES "sdxl/unet/diffusion_pytorch_model.safetensors", "unet") +
                   holds_all(w, PICTURES "sdxl/vae/diffusion_pytorch_model.safetensors", "vae") +
                   holds_all(w, PICTURES "sdxl/text_encoder/model.safetensors", "text_encoder") +
                   holds_all(w, PICTURES "sdxl/text_encoder_2/model.safetensors", "text_encoder_2");
        none_left(w, n);
        assert_int_equal(loam_weights_get_family(w), LOAM_WEIGHTS_SDXL);
        loam_weights_close(w);
    }
}

/* The parts of a Wan model as its own files have them, added to one another. */
static void test_wan(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        loam_weights *w = open_ok(i == 0 ? PICTURES "wan" : PICTURES "wan/original_transformer.safetensors");
        if (i == 1) {
            add_ok(w, PICTURES "wan/original_vae.safetensors", NULL);
            add_ok(w, PICTURES "wan/original_text_encoder.safetensors", NULL);
        }
        size_t n = holds_all(w, PICTURES "wan/transformer/diffusion_pytorch_model.safetensors", "transformer") +
                   holds_all(w, PICTURES "wan/vae/diffusion_pytorch_model.safetensors", "vae") +
                   holds_all(w, PICTURES "wan/text_encoder/model.safetensors", "text_encoder");
        none_left(w, n);
        assert_int_equal(loam_weights_get_family(w), LOAM_WEIGHTS_WAN_T2V);
        loam_weights_close(w);
    }
}

/* TAEHV has no name in diffusers: its own stay. */
static void test_taehv(void **state)
{
    (void)state;
    loam_weights *w = open_ok(PICTURES "taehv/taehv.safetensors");
    none_left(w, holds_all(w, PICTURES "taehv/taehv.safetensors", "taehv"));
    loam_weights_close(w);
}

static void test_taesd(void **state)
{
    (void)state;
    loam_weights *w = open_ok(PICTURES "taesd");
    none_left(w, holds_all(w, PICTURES "taesd/vae/diffusion_pytorch_model.safetensors", "taesd"));
    loam_weights_close(w);
    w = open_ok(PICTURES "taesd/original_encoder.safetensors");
    add_ok(w, PICTURES "taesd/original_decoder.safetensors", NULL);
    none_left(w, holds_all(w, PICTURES "taesd/vae/diffusion_pytorch_model.safetensors", "taesd"));
    loam_weights_close(w);
}

static void test_motion(void **state)
{
    (void)state;
    const char *paths[] = {PICTURES "animatediff/motion_adapter", PICTURES "animatediff/original.safetensors"};
    for (int i = 0; i < 2; i++) {
        loam_weights *w = open_ok(PICTURES "sd15");
        size_t n = loam_weights_n(w);
        add_ok(w, paths[i], NULL);
        none_left(
            w, n + holds_all(w, PICTURES "animatediff/motion_adapter/diffusion_pytorch_model.safetensors", "motion"));
        assert_int_equal(loam_weights_get_family(w), LOAM_WEIGHTS_SD15);
        if (i == 0)
            assert_non_null(loam_weights_config(w, "motion"));
        loam_weights_close(w);
    }
    /* with "module." in front; the middle block only */
    loam_weights *w = open_ok(PICTURES "animatediff/original_module.safetensors");
    none_left(w, 27);
    assert_non_null(loam_weights_find(w, "motion.mid_block.motion_modules.0.transformer_blocks.0.attn2.to_out.0.bias"));
    loam_weights_close(w);
}

/* One line of a list: shape with an optional T, name in the file, canonical names. */
typedef struct list_line {
    char *shape, *raw, *canonical;
    bool transposed;
    size_t n; /* elements */
} list_line;

typedef struct list {
    char *text, family[32];
    list_line lines[4096];
    size_t n;
} list;

static list *list_read(const char *name)
{
    char path[512];
    const char *folder = getenv("LOAM_NAME_LISTS"); /* whole lists, see tests/golden/make/weight_names.py */
    snprintf(path, sizeof path, "%s/%s.txt", folder ? folder : PICTURES "names", name);
    list *l = calloc(1, sizeof *l);
    loam_err err = LOAM_ERR_INIT;
    size_t len;
    if (loam_file_read(path, 1 << 20, &l->text, &len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    char *rest = l->text, *line = strsep(&rest, "\n");
    assert_true(strncmp(line, "family ", 7) == 0);
    snprintf(l->family, sizeof l->family, "%s", line + 7);
    while ((line = strsep(&rest, "\n")) && *line) {
        list_line *o = &l->lines[l->n++];
        o->shape = strsep(&line, "\t");
        o->raw = strsep(&line, "\t");
        o->canonical = line;
        assert_non_null(line);
        o->transposed = o->shape[strlen(o->shape) - 1] == 'T';
        o->n = 1;
        for (const char *p = o->shape; *p; p += strspn(p, "xT")) {
            char *end;
            o->n *= strtoul(p, &end, 10);
            p = end;
        }
    }
    assert_true(l->n > 20);
    return l;
}

/* Element j of tensor i. */
static float value_at(size_t i, size_t j)
{
    return (float)(i * 4 + j % 4);
}

/* A file with the list's names, each tensor telling which one it is. */
static void list_write(const list *l, const char *path)
{
    float x[8192];
    tensor_file *f = tensor_file_new();
    for (size_t i = 0; i < l->n; i++) {
        char shape[64] = "[";
        size_t at = 1;
        for (const char *p = l->lines[i].shape; *p && *p != 'T'; p++)
            shape[at++] = *p == 'x' ? ',' : *p;
        snprintf(shape + at, sizeof shape - at, "]");
        assert_true(l->lines[i].n <= 8192);
        for (size_t j = 0; j < l->lines[i].n; j++)
            x[j] = value_at(i, j);
        tensor_file_add(f, l->lines[i].raw, "F32", shape, x, l->lines[i].n * 4);
    }
    tensor_file_write(f, path);
}

static char scratch[128];

static void check_list(const char *name)
{
    static const char *const families[] = {"UNKNOWN", "SD15", "SDXL", "WAN_T2V"};
    list *l = list_read(name);
    list_write(l, scratch);
    loam_weights *w = open_ok(scratch);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        char *rest = l->lines[i].canonical, *want;
        bool thirds = strchr(rest, '|');
        for (size_t k = 0; strcmp(rest ? rest : "-", "-") != 0 && (want = strsep(&rest, "|")); k++, n++) {
            const loam_weight_view *v = loam_weights_find(w, want);
            if (!v)
                fail_msg("%s: %s is not found as %s", name, l->lines[i].raw, want);
            float got;
            memcpy(&got, v->data, 4);
            assert_int_equal(v->bytes, thirds ? 4 : l->lines[i].n * 4);
            assert_true(v->transposed == l->lines[i].transposed);
            if (got != value_at(i, k))
                fail_msg("%s: %s is another tensor than %s", name, want, l->lines[i].raw);
        }
    }
    none_left(w, n);
    assert_string_equal(families[loam_weights_get_family(w)], l->family);
    loam_weights_close(w);
    free(l->text);
    free(l);
}

static void test_lists(void **state)
{
    (void)state;
    static const char *const lists[] = {"sd15",         "sdxl",    "vae",      "vae-old",   "clip-g", "wan",
                                        "wan-prefixed", "wan-vae", "umt5-wan", "umt5-gguf", "umt5"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_list(lists[i]);
}

static void refused(const char *path, loam_status code, const char *why)
{
    loam_err err = LOAM_ERR_INIT;
    loam_weights *w = NULL;
    loam_status st = loam_weights_open(path, &w, &err);
    if (st != code || w)
        fail_msg("%s: status %s, '%s'", path, loam_status_name(st), err.msg);
    if (!strstr(err.msg, why))
        fail_msg("'%s' does not say '%s'", err.msg, why);
}

/* A file with tensors of these shapes ("name[1,4]", …). */
static void write_some(const char *path, const char *const *tensors, size_t n)
{
    static const char zero[1 << 16];
    tensor_file *f = tensor_file_new();
    for (size_t i = 0; i < n; i++) {
        const char *bracket = strchr(tensors[i], '[');
        char name[160];
        size_t elements = 1;
        snprintf(name, sizeof name, "%.*s", (int)(bracket - tensors[i]), tensors[i]);
        for (const char *p = bracket + 1; *p && *p != ']';) {
            char *end;
            elements *= strtoul(p, &end, 10);
            p = *end == ',' ? end + 1 : end;
        }
        assert_true(elements * 2 <= sizeof zero);
        tensor_file_add(f, name, "F16", bracket, zero, elements * 2);
    }
    tensor_file_write(f, path);
}

static void test_other_models(void **state)
{
    (void)state;
#define UNET "model.diffusion_model.input_blocks."
    static const struct {
        const char *tensors[3], *what;
    } cases[] = {
        {{UNET "0.0.weight[1,4,1,1]", UNET "1.1.transformer_blocks.0.attn2.to_k.weight[1,1024]"}, "Stable Diffusion 2"},
        {{"cond_stage_model.model.positional_embedding[1,1]", UNET "0.0.weight[1,4,1,1]"}, "Stable Diffusion 2"},
        {{UNET "0.0.weight[1,9,1,1]"}, "inpainting"},
        {{UNET "0.0.weight[1,8,1,1]"}, "edits pictures"},
        {{UNET "0.0.weight[1,4,1,1]", "model.diffusion_model.label_emb.0.0.weight[1,2560]"}, "refiner"},
        {{"conditioner.embedders.0.model.text_projection[1,1]", UNET "0.0.weight[1,4,1,1]"}, "refiner"},
        {{"model.diffusion_model.double_blocks.0.img_attn.proj.weight[1,1]"}, "FLUX"},
        {{"model.diffusion_model.joint_blocks.0.x_block.attn.proj.weight[1,1]"}, "Stable Diffusion 3"},
        {{"patch_embedding.weight[1,36,1,1,1]", "blocks.0.self_attn.q.weight[1,1]"}, "Wan image to video"},
        {{"patch_embedding.weight[1,48,1,1,1]", "blocks.0.self_attn.q.weight[1,1]"}, "Wan 2.2 5B"},
        {{"blocks.0.self_attn.q.weight[1,1]", "blocks.0.self_attn.q.scale_weight[1]"}, "scaled 8 bits"},
        {{"lora_unet_mid_block_attentions_0_proj_in.lora_up.weight[1,1]"}, "LoRA"},
        {{"control_model.input_blocks.0.0.weight[1,4,1,1]"}, "ControlNet"},
        {{"model.layers.0.self_attn.q_proj.weight[1,1]"}, "language model"},
        {{"wte.weight[1,1]"}, "wte.weight"},
    };
#undef UNET
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        while (n < 3 && cases[i].tensors[n])
            n++;
        write_some(scratch, cases[i].tensors, n);
        refused(scratch, LOAM_STATUS_UNSUPPORTED, cases[i].what);
        refused(scratch, LOAM_STATUS_UNSUPPORTED, "Loam runs");
    }
    const char *const odd[] = {"conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight[4,2]"};
    write_some(scratch, odd, 1);
    refused(scratch, LOAM_STATUS_CORRUPT, "three times");
    refused("/no/such/file.safetensors", LOAM_STATUS_NOT_FOUND, "/no/such/file.safetensors");
    refused("model.ckpt", LOAM_STATUS_UNSUPPORTED, "pickled");
}

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A folder of one part in two shards, then the ways in which it can be wrong. */
static void test_shards(void **state)
{
    (void)state;
    char dir[sizeof scratch + 16], path[512];
    snprintf(dir, sizeof dir, "%s.d", scratch);
    assert_int_equal(mkdir(dir, 0700), 0);
    const char *const one[] = {"conv_in.weight[2,4,1,1]", "down_blocks.0.resnets.0.conv1.weight[1,1,3,3]"};
    const char *const two[] = {"conv_out.bias[2]"};
    snprintf(path, sizeof path, "%s/a.safetensors", dir);
    write_some(path, one, 2);
    snprintf(path, sizeof path, "%s/b.safetensors", dir);
    write_some(path, two, 1);
    write_text(dir, "config.json", "{\"x\": 1}");
    const char *index = "diffusion_pytorch_model.safetensors.index.json";
    write_text(dir, index,
               "{\"weight_map\": {\"conv_in.weight\": \"a.safetensors\", \"conv_out.bias\": \"b.safetensors\","
               " \"down_blocks.0.resnets.0.conv1.weight\": \"a.safetensors\"}}");
    loam_weights *w = open_ok(PICTURES "sd15/vae");
    size_t n = loam_weights_n(w);
    add_ok(w, dir, "unet");
    assert_int_equal(loam_weights_n(w), n + 3);
    assert_non_null(loam_weights_find(w, "unet.conv_out.bias"));
    assert_string_equal(loam_weights_config(w, "unet"), "{\"x\": 1}");
    assert_non_null(loam_weights_config(w, "vae"));
    /* a file that fails leaves everything as it was */
    loam_err err = LOAM_ERR_INIT;
    write_text(dir, index, "{\"weight_map\": {\"a\": \"a.safetensors\", \"b\": \"missing.safetensors\"}}");
    assert_int_equal(loam_weights_add(w, dir, "unet", &err), LOAM_STATUS_NOT_FOUND);
    assert_int_equal(loam_weights_n(w), n + 3);
    assert_non_null(loam_weights_find(w, "unet.conv_out.bias"));
    assert_int_equal(loam_weights_add(w, dir, "nonsense", &err), LOAM_STATUS_INVALID);
    loam_weights_close(w);
    write_text(dir, index, "{\"weight_map\": {\"a\": \"../a.safetensors\"}}");
    refused(dir, LOAM_STATUS_CORRUPT, "no name of a file");
    write_text(dir, index, "{\"weight_map\": 3}");
    refused(dir, LOAM_STATUS_CORRUPT, "weight_map");
    snprintf(path, sizeof path, "%s/%s", dir, index);
    unlink(path);
    refused(dir, LOAM_STATUS_NOT_FOUND, "no weights");
    write_text(dir, "model_index.json", "{\"_class_name\": \"FluxPipeline\", \"vae\": [null, null]}");
    refused(dir, LOAM_STATUS_UNSUPPORTED, "FluxPipeline");
    write_text(dir, "model_index.json",
               "{\"_class_name\": \"StableDiffusionPipeline\", \"unet\": [\"diffusers\", \"UNet2DConditionModel\"]}");
    refused(dir, LOAM_STATUS_NOT_FOUND, "unet");
    static const char *const files[] = {"a.safetensors", "b.safetensors", "config.json", "model_index.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

/* Files of one part, told by their names alone. */
static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *tensors[2], *name;
    } cases[] = {
        {{"input_blocks.0.0.weight[1,4,1,1]", "v_pred[0]"}, "unet.conv_in.weight"},
        {{"decoder.1.weight[1,1,3,3]", "decoder.7.conv.weight[1,1,1,1]"}, "taehv.decoder.7.conv.weight"},
        {{"decoder.1.weight[1,1,3,3]", "decoder.3.conv.0.weight[1,1,3,3]"}, "taesd.decoder.layers.2.conv.0.weight"},
        {{"1.weight[1,1,3,3]", "3.conv.0.weight[1,1,3,3]"}, "taesd.decoder.layers.2.conv.0.weight"},
        {{"0.weight[1,1,3,3]", "1.conv.0.weight[1,1,3,3]"}, "taesd.encoder.layers.1.conv.0.weight"},
        {{"text_model.embeddings.token_embedding.weight[2,768]"},
         "text_encoder.text_model.embeddings.token_embedding.weight"},
        {{"text_model.embeddings.token_embedding.weight[2,1280]"},
         "text_encoder_2.text_model.embeddings.token_embedding.weight"},
        {{"cond_stage_model.1.transformer.text_model.text_projection[2,3]"}, "text_encoder_2.text_projection.weight"},
        {{"text_encoders.umt5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight[2,3]"},
         "text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight"},
        {{"transformer.blocks.0.attn1.to_q.weight[2,3]"}, "transformer.blocks.0.attn1.to_q.weight"},
        {{"text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight[2,3]"},
         "text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight"},
        {{"cond_stage_model.transformer.encoder.layers.0.mlp.fc1.bias[3]"},
         "text_encoder.text_model.encoder.layers.0.mlp.fc1.bias"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_some(scratch, cases[i].tensors, cases[i].tensors[1] ? 2 : 1);
        loam_weights *w = open_ok(scratch);
        if (!loam_weights_find(w, cases[i].name))
            fail_msg("%s is not found, but %s", cases[i].name, loam_weights_at(w, 0)->name);
        assert_true(loam_weights_marked(w, "v_pred") == (i == 0));
        assert_false(loam_weights_marked(w, "ztsnr"));
        loam_weights_close(w);
    }
}

/* What is added later counts. */
static void test_precedence(void **state)
{
    (void)state;
    loam_weights *w = open_ok(PICTURES "sd15");
    const char *const better[] = {"decoder.conv_in.bias[5]", "decoder.mid.block_1.norm1.weight[7]"};
    write_some(scratch, better, 2);
    size_t n = loam_weights_n(w);
    add_ok(w, scratch, "vae");
    assert_int_equal(loam_weights_n(w), n);
    assert_int_equal(loam_weights_find(w, "vae.decoder.conv_in.bias")->shape[0], 5);
    assert_int_equal(loam_weights_find(w, "vae.decoder.mid_block.resnets.0.norm1.weight")->shape[0], 7);
    loam_weights_close(w);
}

static int set_up(void **state)
{
    (void)state;
    const char *dir = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/loam-test-weights-%ld.safetensors", dir ? dir : "/tmp", (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sd15),       cmocka_unit_test(test_sdxl),         cmocka_unit_test(test_wan),
        cmocka_unit_test(test_taehv),      cmocka_unit_test(test_taesd),        cmocka_unit_test(test_motion),
        cmocka_unit_test(test_lists),      cmocka_unit_test(test_other_models), cmocka_unit_test(test_shards),
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests_name("weights", tests, set_up, tear_down);
}
