/* Opening a model, and running steps over several sequences. */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_int.h"

/* Architectures by their general.architecture; one table row per family member. */
static const struct {
    const char *arch;
    bool neox;
} families[] = {{"llama", false}, {"qwen2", true}, {"qwen3", true}};

static loam_status read_arch(loam_model *m, loam_err *err)
{
    loam_gguf_str arch = {"", 0};
    if (!loam_gguf_get_str(m->gguf, "general.architecture", &arch) || arch.len == 0)
        LOAM_FAIL(err, CORRUPT, "the key 'general.architecture' is missing: the file holds no model");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strlen(families[i].arch) == arch.len && memcmp(families[i].arch, arch.data, arch.len) == 0)
            return loam_hparams_read(m->gguf, families[i].arch, families[i].neox, &m->hp, err);
    char name[40];
    size_t n = arch.len < sizeof name - 1 ? arch.len : sizeof name - 1;
    for (size_t i = 0; i < n; i++)
        name[i] = arch.data[i] >= ' ' && arch.data[i] < 127 ? arch.data[i] : '?';
    name[n] = 0;
    LOAM_FAIL(err, UNSUPPORTED, "the architecture '%s' is not supported; Loam runs llama, qwen2 and qwen3 models",
              name);
}

/* The type that most parameters have. */
static const char *main_type(const loam_gguf *g)
{
    double n[LOAM_DTYPE_COUNT] = {0};
    loam_dtype best = LOAM_DTYPE_F32, t;
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *x = loam_gguf_tensor_at(g, i);
        double elems = 1;
        for (int d = 0; d < x->n_dims; d++)
            elems *= (double)x->shape[d];
        if (loam_dtype_from_ggml(x->ggml_type, &t))
            n[t] += elems;
    }
    for (t = 0; t < LOAM_DTYPE_COUNT; t++)
        if (n[t] > n[best])
            best = t;
    return loam_dtype_name(best);
}

static loam_status fill_info(loam_model *m, const char *path, loam_err *err)
{
    loam_gguf_str name = {"", 0};
    if (!loam_gguf_get_str(m->gguf, "general.name", &name) || name.len == 0 || name.len > 200) {
        const char *slash = strrchr(path, '/');
        name.data = slash ? slash + 1 : path;
        name.len = strlen(name.data);
    }
    m->name = strndup(name.data, name.len);
    if (!m->name)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the model");
    for (char *s = m->name; *s; s++) /* it goes to terminals and JSON */
        if ((unsigned char)*s < ' ' || (unsigned char)*s >= 127)
            *s = '?';
    const loam_hparams *hp = &m->hp;
    loam_model_info *i = &m->info;
    i->arch = hp->arch;
    i->name = m->name;
    i->type = main_type(m->gguf);
    i->n_layers = hp->n_layers, i->n_embd = hp->n_embd, i->n_heads = hp->n_heads, i->n_kv_heads = hp->n_kv_heads;
    i->head_dim = hp->head_dim, i->n_vocab = hp->n_vocab, i->n_ctx_train = hp->n_ctx_train;
    i->n_threads = m->api->n_threads(m->device);
    return LOAM_OK;
}

/* Embedding rows are read from the mapped file as they are needed: it must stay as it was. */
static loam_status check_file(const loam_model *m, loam_err *err)
{
    if (loam_file_map_damaged(loam_gguf_map(m->gguf)))
        LOAM_FAIL(err, IO,
                  "the file of the model '%s' became shorter while it was in use; put the whole file back and load "
                  "it again",
                  m->name ? m->name : "");
    return LOAM_OK;
}

static loam_status check_options(loam_model *m, const loam_model_options *o, loam_err *err)
{
    loam_model_info *i = &m->info;
    i->n_seqs = o->n_seqs ? o->n_seqs : 1;
    i->n_batch = o->n_batch ? o->n_batch : 512;
    i->n_ctx = o->n_ctx ? o->n_ctx : m->hp.n_ctx_train < 8192 ? m->hp.n_ctx_train : 8192;
    if (i->n_seqs < 1 || i->n_seqs > 4096 || i->n_batch < 1 || i->n_batch > 65536 || i->n_ctx < 1 || i->n_ctx > 1 << 24)
        LOAM_FAIL(err, INVALID, "%d sequences of %d tokens in steps of %d: wants 1 to 4096, 1 to 16777216, 1 to 65536",
                  i->n_seqs, i->n_ctx, i->n_batch);
    return LOAM_OK;
}

static loam_status open_parts(loam_model *m, const char *path, const loam_model_options *o, loam_err *err)
{
    LOAM_TRY(loam_gguf_open(path, &m->gguf, err));
    LOAM_TRY(read_arch(m, err));
    LOAM_TRY(check_options(m, o, err));
    LOAM_TRY(m->api->open(o->n_threads, &m->device, err));
    LOAM_TRY(loam_llama_bind(m, err));
    LOAM_TRY(fill_info(m, path, err));
    LOAM_TRY(check_file(m, err)); /* the weights were packed from it */
    m->kv = calloc((size_t)m->hp.n_layers, sizeof *m->kv);
    m->held = calloc((size_t)m->info.n_seqs, sizeof *m->held);
    m->tokens = calloc((size_t)m->info.n_batch, sizeof *m->tokens);
    m->positions = calloc((size_t)m->info.n_batch, sizeof *m->positions);
    m->output_rows = calloc((size_t)m->info.n_batch, sizeof *m->output_rows);
    m->spans = calloc((size_t)m->info.n_seqs, sizeof *m->spans);
    if (!m->kv || !m->held || !m->tokens || !m->positions || !m->output_rows || !m->spans)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the model");
    for (int i = 0; i < m->hp.n_layers; i++)
        LOAM_TRY(
            m->api->kv_new(m->device, m->info.n_seqs, m->info.n_ctx, m->hp.n_kv_heads, m->hp.head_dim, &m->kv[i], err));
    LOAM_TRY(loam_llama_build(m, o->keep_hidden, err));
    return loam_graph_plan(m->graph, m->api, m->device, m->info.n_batch, m->info.n_batch, &m->program, err);
}

loam_status loam_model_open(const char *path, const loam_model_options *options, loam_model **out, loam_err *err)
{
    loam_model *m = calloc(1, sizeof *m);
    if (!m)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the model");
    m->api = &loam_device_cpu;
    loam_status st = open_parts(m, path, options, err);
    if (st != LOAM_OK) {
        if (m->gguf) /* the reader's own messages have the path already */
            loam_err_prefix(err, "model '%s'", path);
        loam_model_close(m);
        return st;
    }
    *out = m;
    return LOAM_OK;
}

void loam_model_close(loam_model *m)
{
    if (!m)
        return;
    if (m->device) {
        m->api->program_free(m->program);
        for (int i = 0; m->kv && i < m->hp.n_layers; i++)
            m->api->kv_free(m->device, m->kv[i]);
        loam_llama_unbind(m);
        m->api->close(m->device);
    }
    loam_graph_free(m->graph);
    loam_gguf_close(m->gguf);
    free(m->name);
    free(m->kv);
    free(m->hidden);
    free(m->held);
    free(m->tokens);
    free(m->positions);
    free(m->output_rows);
    free(m->spans);
    free(m);
}

const loam_model_info *loam_model_get_info(const loam_model *m)
{
    return &m->info;
}

const loam_gguf *loam_model_gguf(const loam_model *m)
{
    return m->gguf;
}

/* Checks one span and lays it into the step's arrays. */
static loam_status add_span(loam_model *m, const loam_model_span *s, int index, loam_step *step, loam_err *err)
{
    const loam_model_info *i = &m->info;
    if (s->seq < 0 || s->seq >= i->n_seqs)
        LOAM_FAIL(err, INVALID, "sequence %d: the model has %d", s->seq, i->n_seqs);
    if (s->n_tokens < 1 || s->n_tokens > i->n_batch - (int)step->n_tokens)
        LOAM_FAIL(err, INVALID, "a step of more than %d tokens", i->n_batch);
    if (s->pos < 0 || s->pos > m->held[s->seq])
        LOAM_FAIL(err, INVALID, "position %d of sequence %d, which holds %d", s->pos, s->seq, m->held[s->seq]);
    if (s->n_tokens > i->n_ctx - s->pos)
        LOAM_FAIL(err, INVALID, "%d tokens at position %d do not fit the context of %d", s->n_tokens, s->pos, i->n_ctx);
    for (int j = 0; j < index; j++)
        if (m->spans[j].seq == s->seq)
            LOAM_FAIL(err, INVALID, "sequence %d stands twice in one step", s->seq);
    for (int t = 0; t < s->n_tokens; t++) {
        if (s->tokens[t] < 0 || s->tokens[t] >= i->n_vocab)
            LOAM_FAIL(err, INVALID, "token %d is outside the vocabulary of %d", s->tokens[t], i->n_vocab);
        int64_t row = step->n_tokens + t;
        m->tokens[row] = s->tokens[t];
        m->positions[row] = s->pos + t;
        if (s->want_all_logits || (s->want_logits && t == s->n_tokens - 1))
            m->output_rows[step->n_outputs++] = (int32_t)row;
    }
    m->spans[index] = (loam_step_span){s->seq, s->pos, (int)step->n_tokens, s->n_tokens};
    step->n_tokens += s->n_tokens;
    return LOAM_OK;
}

loam_status loam_model_step(loam_model *m, const loam_model_span *spans, int n_spans, const float **logits,
                            loam_err *err)
{
    loam_step step = {.tokens = m->tokens, .positions = m->positions, .output_rows = m->output_rows, .spans = m->spans};
    if (n_spans < 1 || n_spans > m->info.n_seqs)
        LOAM_FAIL(err, INVALID, "%d spans in a step of a model with %d sequences", n_spans, m->info.n_seqs);
    for (int i = 0; i < n_spans; i++)
        LOAM_TRY(add_span(m, &spans[i], i, &step, err));
    step.n_spans = n_spans;
    LOAM_TRY(m->api->program_run(m->program, &step, err));
    LOAM_TRY(check_file(m, err));
    for (int i = 0; i < n_spans; i++)
        m->held[spans[i].seq] = spans[i].pos + spans[i].n_tokens;
    if (logits)
        *logits = m->api->program_output(m->program, m->logits);
    return LOAM_OK;
}

const float *loam_model_hidden(loam_model *m, int layer)
{
    return m->api->program_output(m->program, m->hidden[layer]);
}

void loam_model_copy_prefix(loam_model *m, int from, int to, int n)
{
    if (from < 0 || to < 0 || from >= m->info.n_seqs || to >= m->info.n_seqs || n < 0 || n > m->held[from])
        return;
    for (int i = 0; i < m->hp.n_layers; i++)
        m->api->kv_copy(m->device, m->kv[i], from, to, n);
    m->held[to] = n;
}
