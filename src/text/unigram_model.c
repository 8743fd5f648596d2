/* SentencePiece's own file: a protobuf message (sentencepiece_model.proto), read by hand, since a handful of its fields
 * are all that is needed.
 *
 *   ModelProto      1 pieces (repeated)   2 trainer_spec   3 normalizer_spec
 *   SentencePiece   1 piece   2 score (float)   3 type
 *   TrainerSpec     3 model_type (1 is unigram)   24 treat_whitespace_as_suffix   35 byte_fallback
 *                   46 bos_piece   47 eos_piece   48 pad_piece
 *   NormalizerSpec  2 precompiled_charsmap   3 add_dummy_prefix   4 remove_extra_whitespaces   5 escape_whitespaces */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "text/unigram_int.h"

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

typedef struct message {
    const unsigned char *p, *end;
} message;

typedef struct field {
    uint64_t number;
    int wire;
    uint64_t value; /* of a varint, or the bits of a WIRE_32 */
    message bytes;
} field;

static bool read_varint(message *m, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && m->p < m->end; shift += 7) {
        unsigned char b = *m->p++;
        *out |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80)
            return true;
    }
    return false;
}

/* False at the end of the message, or when it is damaged: then m->p is not at its end. */
static bool read_field(message *m, field *f)
{
    const unsigned char *start = m->p;
    uint64_t tag, len = 0;
    if (m->p == m->end)
        return false;
    if (!read_varint(m, &tag))
        goto fail;
    *f = (field){.number = tag >> 3, .wire = tag & 7};
    if (f->wire == WIRE_VARINT) {
        if (!read_varint(m, &f->value))
            goto fail;
        return true;
    }
    if (f->wire == WIRE_BYTES ? !read_varint(m, &len) : f->wire != WIRE_32 && f->wire != WIRE_64)
        goto fail;
    len = f->wire == WIRE_32 ? 4 : f->wire == WIRE_64 ? 8 : len;
    if (len > (uint64_t)(m->end - m->p))
        goto fail;
    f->bytes = (message){m->p, m->p + len};
    if (f->wire == WIRE_32)
        f->value = m->p[0] | (uint64_t)m->p[1] << 8 | (uint64_t)m->p[2] << 16 | (uint64_t)m->p[3] << 24;
    m->p += len;
    return true;
fail:
    m->p = start;
    return false;
}

typedef struct reading {
    loam_unigram_tables tables;
    const char **pieces;
    size_t *lens;
    double *scores;
    uint8_t *types;
    message bos, eos, pad; /* their texts */
    uint64_t model_type;
} reading;

static loam_status damaged(const char *what, loam_err *err)
{
    LOAM_FAIL(err, CORRUPT,
              "the %s of the SentencePiece file is damaged: it is no such file, or not all of it is there", what);
}

static loam_status read_piece(reading *r, message m, loam_err *err)
{
    size_t at = r->tables.n++;
    r->pieces[at] = "";
    r->lens[at] = 0;
    r->scores[at] = 0;
    r->types[at] = LOAM_UNIGRAM_NORMAL;
    for (field f; read_field(&m, &f);) {
        if (f.number == 1 && f.wire == WIRE_BYTES) {
            r->pieces[at] = (const char *)f.bytes.p;
            r->lens[at] = (size_t)(f.bytes.end - f.bytes.p);
        } else if (f.number == 2 && f.wire == WIRE_32) {
            uint32_t bits = (uint32_t)f.value;
            float score;
            memcpy(&score, &bits, sizeof score);
            r->scores[at] = score;
        } else if (f.number == 3 && f.wire == WIRE_VARINT) {
            if (f.value < LOAM_UNIGRAM_NORMAL || f.value > LOAM_UNIGRAM_BYTE)
                LOAM_FAIL(err, CORRUPT, "piece %zu of the SentencePiece file has the unknown type %llu", at,
                          (unsigned long long)f.value);
            r->types[at] = (uint8_t)f.value;
        }
    }
    return m.p == m.end ? LOAM_OK : damaged("list of pieces", err);
}

static loam_status read_trainer(reading *r, message m, loam_err *err)
{
    for (field f; read_field(&m, &f);) {
        if (f.wire == WIRE_VARINT && f.number == 3)
            r->model_type = f.value;
        else if (f.wire == WIRE_VARINT && f.number == 24)
            r->tables.space_as_suffix = f.value != 0;
        else if (f.wire == WIRE_VARINT && f.number == 35)
            r->tables.byte_fallback = f.value != 0;
        else if (f.wire == WIRE_BYTES && f.number == 46)
            r->bos = f.bytes;
        else if (f.wire == WIRE_BYTES && f.number == 47)
            r->eos = f.bytes;
        else if (f.wire == WIRE_BYTES && f.number == 48)
            r->pad = f.bytes;
    }
    return m.p == m.end ? LOAM_OK : damaged("description of the training", err);
}

static loam_status read_normalizer(reading *r, message m, loam_err *err)
{
    for (field f; read_field(&m, &f);) {
        if (f.wire == WIRE_BYTES && f.number == 2) {
            r->tables.charsmap = f.bytes.p;
            r->tables.charsmap_len = (size_t)(f.bytes.end - f.bytes.p);
        } else if (f.wire == WIRE_VARINT && f.number == 3) {
            r->tables.add_dummy_prefix = f.value != 0;
        } else if (f.wire == WIRE_VARINT && f.number == 4) {
            r->tables.remove_extra_spaces = f.value != 0;
        } else if (f.wire == WIRE_VARINT && f.number == 5) {
            r->tables.escape_spaces = f.value != 0;
        }
    }
    return m.p == m.end ? LOAM_OK : damaged("description of the normaliser", err);
}

static loam_status read_model(reading *r, message m, loam_err *err)
{
    loam_status st = LOAM_OK;
    for (field f; st == LOAM_OK && read_field(&m, &f);) {
        if (f.wire != WIRE_BYTES)
            continue;
        if (f.number == 1)
            st = read_piece(r, f.bytes, err);
        else if (f.number == 2)
            st = read_trainer(r, f.bytes, err);
        else if (f.number == 3)
            st = read_normalizer(r, f.bytes, err);
    }
    return st != LOAM_OK ? st : m.p == m.end ? LOAM_OK : damaged("list of fields", err);
}

static message text_of(const char *s)
{
    return (message){(const unsigned char *)s, (const unsigned char *)s + strlen(s)};
}

static int32_t find_control(const reading *r, message text)
{
    size_t n = (size_t)(text.end - text.p);
    for (size_t i = 0; i < r->tables.n; i++)
        if (r->types[i] == LOAM_UNIGRAM_CONTROL && r->lens[i] == n && memcmp(r->pieces[i], text.p, n) == 0)
            return (int32_t)i;
    return -1;
}

static loam_status finish(reading *r, loam_unigram **out, loam_err *err)
{
    if (r->model_type != 1)
        LOAM_FAIL(err, UNSUPPORTED, "the SentencePiece file is of kind %llu, and 1, unigram, is what is read here",
                  (unsigned long long)r->model_type);
    loam_unigram_tables *t = &r->tables;
    t->pieces = r->pieces;
    t->lens = r->lens;
    t->scores = r->scores;
    t->types = r->types;
    t->unk = -1;
    for (size_t i = 0; i < t->n; i++) {
        if (r->types[i] != LOAM_UNIGRAM_UNKNOWN)
            continue;
        if (t->unk >= 0)
            LOAM_FAIL(err, CORRUPT, "the pieces %d and %zu of the SentencePiece file both are the unknown one",
                      (int)t->unk, i);
        t->unk = (int32_t)i;
    }
    t->bos = find_control(r, r->bos);
    t->eos = find_control(r, r->eos);
    t->pad = find_control(r, r->pad);
    return loam_unigram_new(t, out, err);
}

loam_status loam_unigram_parse_model(const void *data, size_t len, loam_unigram **out, loam_err *err)
{
    *out = NULL;
    message whole = {data, (const unsigned char *)data + len};
    size_t n = 0;
    message m = whole;
    for (field f; read_field(&m, &f);)
        n += f.number == 1 && f.wire == WIRE_BYTES;
    if (n == 0 || n > LOAM_UNIGRAM_MAX_VOCAB)
        LOAM_FAIL(err, CORRUPT, "the file has %zu SentencePieces; 1 to %d are allowed", n, LOAM_UNIGRAM_MAX_VOCAB);
    reading r = {.tables = LOAM_UNIGRAM_TABLES_INIT,
                 .pieces = malloc(n * sizeof *r.pieces),
                 .lens = malloc(n * sizeof *r.lens),
                 .scores = malloc(n * sizeof *r.scores),
                 .types = malloc(n),
                 .bos = text_of("<s>"),
                 .eos = text_of("</s>"),
                 .pad = text_of("<pad>"),
                 .model_type = 1};
    loam_status st = LOAM_OK;
    if (!r.pieces || !r.lens || !r.scores || !r.types)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %zu SentencePieces", n);
    if (st == LOAM_OK)
        st = read_model(&r, whole, err);
    if (st == LOAM_OK)
        st = finish(&r, out, err);
    free(r.pieces);
    free(r.lens);
    free(r.scores);
    free(r.types);
    return st;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

loam_status loam_unigram_open(const char *path, loam_unigram **out, loam_err *err)
{
    static const char *const names[] = {"spiece.model", "tokenizer.model", "tokenizer.json"};
    char file[4096];
    struct stat info;
    int n = snprintf(file, sizeof file, "%s", path);
    *out = NULL;
    if (n > 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        size_t i = 0;
        do
            n = snprintf(file, sizeof file, "%s/%s", path, names[i++]);
        while (i < 3 && n > 0 && (size_t)n < sizeof file && access(file, F_OK) != 0);
        if (n > 0 && (size_t)n < sizeof file && access(file, F_OK) != 0)
            LOAM_FAIL(err, NOT_FOUND, "'%s' has no spiece.model, tokenizer.model or tokenizer.json", path);
    }
    if (n < 0 || (size_t)n >= sizeof file)
        LOAM_FAIL(err, INVALID, "the name of the tokenizer's file is longer than this system allows");
    char *data = NULL;
    size_t len = 0;
    LOAM_TRY(loam_file_read(file, LOAM_UNIGRAM_MAX_FILE, &data, &len, err));
    loam_status st = ends_with(file, ".json") ? loam_unigram_parse_json(data, len, out, err)
                                              : loam_unigram_parse_model(data, len, out, err);
    free(data);
    if (st != LOAM_OK)
        loam_err_prefix(err, "tokenizer '%s'", file);
    return st;
}
