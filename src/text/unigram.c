/* The trie of pieces and the best path through a text. The search is SentencePiece's EncodeOptimized, down to its
 * arithmetic: a candidate's sum is a double, the best one at a place is kept as a float, so that equal sums are decided
 * as they are there. */
#define _GNU_SOURCE /* qsort_r */
#include "text/unigram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/unigram_int.h"

static const double UNKNOWN_PENALTY = 10;

/* ---- the trie ---- */

typedef struct building {
    const loam_unigram_tables *from;
    loam_unigram *t;
    int32_t *order; /* the ids of the pieces that texts are made of, sorted by their bytes */
    size_t n_order;
    struct span {
        uint32_t low, high, depth; /* order[low..high) share their first depth bytes: a node */
    } * span;
    size_t cap;
} building;

static bool is_made_from_text(uint8_t type)
{
    return type == LOAM_UNIGRAM_NORMAL || type == LOAM_UNIGRAM_USER || type == LOAM_UNIGRAM_UNUSED;
}

static int compare_pieces(const void *a, const void *b, void *arg)
{
    const loam_unigram_tables *from = arg;
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    size_t n = from->lens[i] < from->lens[j] ? from->lens[i] : from->lens[j];
    int c = memcmp(from->pieces[i], from->pieces[j], n);
    if (c)
        return c;
    if (from->lens[i] != from->lens[j])
        return from->lens[i] < from->lens[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

static loam_status sort_pieces(building *b, loam_err *err)
{
    const loam_unigram_tables *from = b->from;
    for (size_t i = 0; i < from->n; i++)
        if (is_made_from_text(b->t->type[i]))
            b->order[b->n_order++] = (int32_t)i;
    qsort_r(b->order, b->n_order, sizeof *b->order, compare_pieces, (void *)from);
    size_t kept = 0;
    for (size_t i = 0; i < b->n_order; i++) {
        int32_t id = b->order[i], last = kept ? b->order[kept - 1] : -1;
        if (last >= 0 && from->lens[last] == from->lens[id] &&
            memcmp(from->pieces[last], from->pieces[id], from->lens[id]) == 0) {
            if (!from->last_wins)
                LOAM_FAIL(err, CORRUPT, "the pieces %d and %d of the vocabulary are the same, '%.*s'", (int)last,
                          (int)id, (int)(from->lens[id] < 60 ? from->lens[id] : 60), from->pieces[id]);
            kept--;
        }
        b->order[kept++] = id;
    }
    b->n_order = kept;
    return LOAM_OK;
}

static loam_status add_node(building *b, struct span s, uint8_t label, loam_err *err)
{
    if (b->t->n_nodes == b->cap) {
        size_t cap = b->cap ? b->cap + b->cap / 2 : 1024;
        loam_unigram_node *node = realloc(b->t->node, cap * sizeof *node);
        if (node)
            b->t->node = node;
        struct span *span = realloc(b->span, cap * sizeof *span);
        if (span)
            b->span = span;
        if (!node || !span || cap > UINT32_MAX)
            LOAM_FAIL(err, NO_MEMORY, "no memory for the vocabulary of a tokenizer");
        b->cap = cap;
    }
    b->span[b->t->n_nodes] = s;
    b->t->node[b->t->n_nodes++] = (loam_unigram_node){.id = -1, .label = label};
    return LOAM_OK;
}

/* Level by level, so that the children of a node lie together. */
static loam_status build_trie(building *b, loam_err *err)
{
    const loam_unigram_tables *from = b->from;
    LOAM_TRY(add_node(b, (struct span){.high = (uint32_t)b->n_order}, 0, err));
    for (size_t k = 0; k < b->t->n_nodes; k++) {
        struct span s = b->span[k];
        if (s.low < s.high && from->lens[b->order[s.low]] == s.depth)
            b->t->node[k].id = b->order[s.low++];
        b->t->node[k].child = (uint32_t)b->t->n_nodes;
        while (s.low < s.high) {
            uint8_t label = (uint8_t)from->pieces[b->order[s.low]][s.depth];
            uint32_t end = s.low;
            while (end < s.high && (uint8_t)from->pieces[b->order[end]][s.depth] == label)
                end++;
            LOAM_TRY(add_node(b, (struct span){s.low, end, s.depth + 1}, label, err));
            b->t->node[k].n_children++;
            s.low = end;
        }
    }
    return LOAM_OK;
}

/* ---- loading ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0x0A>" -> 10, else -1. */
static int byte_of(const char *s, size_t n)
{
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    int high = hex_digit(s[3]), low = hex_digit(s[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static loam_status check_id(const loam_unigram_tables *from, int32_t id, const char *what, loam_err *err)
{
    if (id < -1 || (id >= 0 && (size_t)id >= from->n))
        LOAM_FAIL(err, CORRUPT, "the %s token is %d, and the vocabulary has %zu pieces", what, (int)id, from->n);
    return LOAM_OK;
}

static loam_status check_tables(const loam_unigram_tables *from, loam_err *err)
{
    if (from->n == 0 || from->n > LOAM_UNIGRAM_MAX_VOCAB)
        LOAM_FAIL(err, CORRUPT, "the vocabulary has %zu pieces; 1 to %d are allowed", from->n, LOAM_UNIGRAM_MAX_VOCAB);
    LOAM_TRY(check_id(from, from->unk, "unknown", err));
    LOAM_TRY(check_id(from, from->bos, "first", err));
    LOAM_TRY(check_id(from, from->eos, "last", err));
    LOAM_TRY(check_id(from, from->pad, "pad", err));
    if (from->unk < 0)
        LOAM_FAIL(err, CORRUPT, "the vocabulary has no token for unknown characters");
    return LOAM_OK;
}

static loam_status read_pieces(loam_unigram *t, const loam_unigram_tables *from, loam_err *err)
{
    t->least = INFINITY;
    t->most = -INFINITY;
    for (size_t i = 0; i < from->n; i++) {
        double score = from->double_scores ? from->scores[i] : (float)from->scores[i];
        uint8_t type = from->types ? from->types[i] : LOAM_UNIGRAM_NORMAL;
        if ((int32_t)i == from->unk)
            type = LOAM_UNIGRAM_UNKNOWN;
        if (!isfinite(score))
            LOAM_FAIL(err, CORRUPT, "the score of piece %zu is not a number", i);
        if (is_made_from_text(type) && (from->lens[i] == 0 || from->lens[i] > LOAM_UNIGRAM_MAX_PIECE))
            LOAM_FAIL(err, CORRUPT, "piece %zu has %zu bytes; 1 to %d are allowed", i, from->lens[i],
                      LOAM_UNIGRAM_MAX_PIECE);
        int byte = type == LOAM_UNIGRAM_BYTE ? byte_of(from->pieces[i], from->lens[i]) : -1;
        if (type == LOAM_UNIGRAM_BYTE && byte < 0)
            LOAM_FAIL(err, CORRUPT, "piece %zu is of type byte, and its text is not of the form <0x41>", i);
        if (byte >= 0)
            t->byte_id[byte] = (int32_t)i;
        if (type == LOAM_UNIGRAM_NORMAL) {
            t->least = score < t->least ? score : t->least;
            t->most = score > t->most ? score : t->most;
        }
        t->has_user |= type == LOAM_UNIGRAM_USER;
        t->score[i] = score;
        t->type[i] = type;
    }
    if (t->least > t->most) /* no normal piece at all */
        t->least = t->most = 0;
    for (int b = 0; b < 256; b++)
        if (from->byte_fallback && t->byte_id[b] < 0)
            LOAM_FAIL(err, CORRUPT, "unknown characters shall become bytes, and there is no piece <0x%02X>",
                      (unsigned)b);
    return LOAM_OK;
}

loam_status loam_unigram_new(const loam_unigram_tables *from, loam_unigram **out, loam_err *err)
{
    *out = NULL;
    LOAM_TRY(check_tables(from, err));
    loam_unigram *t = calloc(1, sizeof *t);
    building b = {.from = from, .t = t};
    loam_status st = LOAM_OK;
    if (t) {
        *t = (loam_unigram){.n = from->n,
                            .unk = from->unk,
                            .bos = from->bos,
                            .eos = from->eos,
                            .pad = from->pad,
                            .add_dummy_prefix = from->add_dummy_prefix,
                            .remove_extra_spaces = from->remove_extra_spaces,
                            .escape_spaces = from->escape_spaces,
                            .space_as_suffix = from->space_as_suffix,
                            .byte_fallback = from->byte_fallback,
                            .double_scores = from->double_scores};
        memset(t->byte_id, 0xFF, sizeof t->byte_id);
        t->score = malloc(from->n * sizeof *t->score);
        t->type = malloc(from->n);
        b.order = malloc(from->n * sizeof *b.order);
    }
    if (!t || !t->score || !t->type || !b.order)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %zu pieces", from->n);
    if (st == LOAM_OK)
        st = read_pieces(t, from, err);
    if (st == LOAM_OK)
        st = sort_pieces(&b, err);
    if (st == LOAM_OK)
        st = build_trie(&b, err);
    if (st == LOAM_OK && from->charsmap_len)
        st = loam_unigram_charsmap_read(&t->map, from->charsmap, from->charsmap_len, err);
    free(b.order);
    free(b.span);
    if (st != LOAM_OK) {
        loam_unigram_free(t);
        return st;
    }
    *out = t;
    return LOAM_OK;
}

void loam_unigram_free(loam_unigram *t)
{
    if (!t)
        return;
    loam_unigram_charsmap_deinit(&t->map);
    free(t->node);
    free(t->score);
    free(t->type);
    free(t);
}

size_t loam_unigram_n_vocab(const loam_unigram *t)
{
    return t->n;
}
int32_t loam_unigram_unk(const loam_unigram *t)
{
    return t->unk;
}
int32_t loam_unigram_bos(const loam_unigram *t)
{
    return t->bos;
}
int32_t loam_unigram_eos(const loam_unigram *t)
{
    return t->eos;
}
int32_t loam_unigram_pad(const loam_unigram *t)
{
    return t->pad;
}

/* ---- encoding ---- */

/* The best path that ends at a place of the text. */
typedef struct ending {
    double score;
    int32_t id;
    int32_t from; /* -1: none yet */
} ending;

static void offer(const loam_unigram *t, ending *to, double score, int32_t id, size_t from)
{
    if (to->from >= 0 && !(score > to->score))
        return;
    *to = (ending){.score = t->double_scores ? score : (float)score, .id = id, .from = (int32_t)from};
}

/* The length that the first byte of a character promises; bytes that begin none count as one. */
static size_t char_length(unsigned char b)
{
    return b < 0xC0 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

static void find_paths(const loam_unigram *t, const char *s, size_t n, ending *end)
{
    double unknown = t->double_scores ? t->least - UNKNOWN_PENALTY : (float)(t->least - UNKNOWN_PENALTY);
    for (size_t i = 0; i <= n; i++)
        end[i] = (ending){.from = -1};
    for (size_t at = 0; at < n;) {
        size_t one = char_length((unsigned char)s[at]);
        one = one < n - at ? one : n - at;
        bool has_one = false;
        const loam_unigram_node *node = t->node;
        for (size_t k = at; k < n && (node = loam_unigram_child(t, node, (uint8_t)s[k]));) {
            k++;
            if (node->id < 0 || t->type[node->id] == LOAM_UNIGRAM_UNUSED)
                continue;
            double score = t->score[node->id];
            if (t->type[node->id] == LOAM_UNIGRAM_USER) /* always to be taken */
                score = (t->double_scores ? (double)(k - at) * t->most : (float)(k - at) * (float)t->most) - 0.1;
            offer(t, &end[k], score + end[at].score, node->id, at);
            has_one |= k - at == one;
        }
        if (!has_one) {
            double score = unknown + end[at].score;
            offer(t, &end[at + one], t->double_scores ? score : (float)score, t->unk, at);
        }
        at += one;
    }
}

typedef struct output {
    int32_t *ids;
    size_t n, cap;
} output;

static bool push(output *o, int32_t id)
{
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        int32_t *grown = realloc(o->ids, cap * sizeof *grown);
        if (!grown)
            return false;
        o->ids = grown;
        o->cap = cap;
    }
    o->ids[o->n++] = id;
    return true;
}

/* Turns the list around so that from points forwards: end[at].from becomes the end of the piece that begins at `at`,
 * and end[at].id that piece. */
static void turn(ending *end, size_t n)
{
    int32_t to = (int32_t)n, id = end[n].id, at = end[n].from;
    while (to > 0) {
        int32_t before = end[at].from, before_id = end[at].id;
        end[at].from = to;
        end[at].id = id;
        to = at;
        at = before;
        id = before_id;
    }
}

static bool push_path(const loam_unigram *t, const char *s, size_t n, ending *end, output *o)
{
    bool after_unknown = false;
    for (size_t at = 0; at < n;) {
        size_t next = (size_t)end[at].from;
        int32_t id = end[at].id;
        bool unknown = id == t->unk;
        if (unknown && t->byte_fallback) {
            for (size_t k = at; k < next; k++)
                if (!push(o, t->byte_id[(unsigned char)s[k]]))
                    return false;
        } else if (!unknown || !after_unknown) { /* a run of unknown characters is one token */
            if (!push(o, id))
                return false;
        }
        after_unknown = unknown;
        at = next;
    }
    return true;
}

loam_status loam_unigram_encode(const loam_unigram *t, const char *text, size_t len, int32_t **ids, size_t *n_ids,
                                loam_err *err)
{
    if (len > LOAM_UNIGRAM_MAX_TEXT)
        LOAM_FAIL(err, TOO_LARGE, "the prompt has %zu bytes, at most %zu are allowed", len, LOAM_UNIGRAM_MAX_TEXT);
    loam_buf normal;
    loam_buf_init(&normal, LOAM_UNIGRAM_MAX_TEXT);
    ending *end = NULL;
    loam_status st = loam_unigram_normalize(t, text, len, &normal, err);
    if (st == LOAM_OK) {
        end = malloc((normal.len + 1) * sizeof *end);
        if (!end)
            st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to tokenize %zu bytes", len);
    }
    if (st == LOAM_OK && normal.len) {
        output o = {.ids = *ids, .n = *n_ids, .cap = *n_ids};
        find_paths(t, normal.data, normal.len, end);
        turn(end, normal.len);
        if (!push_path(t, normal.data, normal.len, end, &o))
            st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %zu tokens", o.n);
        *ids = o.ids;
        if (st == LOAM_OK)
            *n_ids = o.n;
    }
    free(end);
    loam_buf_deinit(&normal);
    return st;
}

loam_status loam_unigram_fill(const loam_unigram *t, const char *text, size_t len, int32_t *ids, size_t n,
                              size_t *n_used, loam_err *err)
{
    if (n < 1 || t->eos < 0)
        LOAM_FAIL(err, UNSUPPORTED, "the vocabulary has no token for the end of a text, or there is no place for it");
    int32_t *found = NULL;
    size_t n_found = 0, at = 0;
    loam_status st = loam_unigram_encode(t, text, len, &found, &n_found, err);
    if (st == LOAM_OK) {
        while (at < n_found && at < n - 1) {
            ids[at] = found[at];
            at++;
        }
        ids[at++] = t->eos;
        *n_used = at;
        while (at < n)
            ids[at++] = t->pad < 0 ? 0 : t->pad;
    }
    free(found);
    return st;
}
