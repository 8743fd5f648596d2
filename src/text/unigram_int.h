/* What the files of the unigram tokenizer share: unigram.c builds the trie of pieces and finds the best path,
 * unigram_normalize.c makes the text that it runs over, unigram_model.c and unigram_json.c read files,
 * unigram_clean.c and unigram_entities.c tidy a prompt up before all that. */
#ifndef LOAM_TEXT_UNIGRAM_INT_H
#define LOAM_TEXT_UNIGRAM_INT_H

#include "text/unigram.h"

#define LOAM_UNIGRAM_SPACE "\xE2\x96\x81" /* ▁, U+2581 */
enum { LOAM_UNIGRAM_MAX_VOCAB = 1 << 22, LOAM_UNIGRAM_MAX_PIECE = 1024, LOAM_UNIGRAM_MAX_FILE = 128 << 20 };

enum {
    LOAM_UNIGRAM_NORMAL = 1,
    LOAM_UNIGRAM_UNKNOWN,
    LOAM_UNIGRAM_CONTROL,
    LOAM_UNIGRAM_USER,
    LOAM_UNIGRAM_UNUSED,
    LOAM_UNIGRAM_BYTE
};

/* The children of a node lie one after the other, sorted by label. */
typedef struct loam_unigram_node {
    uint32_t child; /* the first one */
    int32_t id;     /* the piece that ends here, or -1 */
    uint16_t n_children;
    uint8_t label;
} loam_unigram_node;

/* The map of characters: a double array (Yata et al.; darts-clone) from byte strings to places in texts. */
typedef struct loam_unigram_charsmap {
    uint32_t *unit; /* owned; NULL: no map */
    size_t n_units;
    char *texts; /* owned: replacements, each with a NUL after it */
    size_t n_texts;
} loam_unigram_charsmap;

struct loam_unigram {
    loam_unigram_node *node; /* owned; node 0 is the root */
    size_t n_nodes;
    double *score; /* owned, by id */
    uint8_t *type; /* owned, by id */
    size_t n;
    double least, most; /* scores of the normal pieces */
    int32_t byte_id[256];
    int32_t unk, bos, eos, pad;
    bool add_dummy_prefix, remove_extra_spaces, escape_spaces, space_as_suffix, byte_fallback, double_scores, has_user;
    loam_unigram_charsmap map;
};

/* The child of a node for a byte, or NULL. */
static inline const loam_unigram_node *loam_unigram_child(const loam_unigram *t, const loam_unigram_node *node,
                                                          uint8_t label)
{
    const loam_unigram_node *first = t->node + node->child;
    size_t low = 0, high = node->n_children;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (first[mid].label < label)
            low = mid + 1;
        else
            high = mid;
    }
    return low < node->n_children && first[low].label == label ? first + low : NULL;
}

/* unigram_normalize.c */
LOAM_CHECK_RESULT loam_status loam_unigram_charsmap_read(loam_unigram_charsmap *m, const void *data, size_t len,
                                                         loam_err *err);
void loam_unigram_charsmap_deinit(loam_unigram_charsmap *m);
/* Appends the text that the pieces are looked up in. */
LOAM_CHECK_RESULT loam_status loam_unigram_normalize(const loam_unigram *t, const char *s, size_t n, loam_buf *out,
                                                     loam_err *err);

/* unigram_entities.c: the character references of HTML 5, sorted by name. */
typedef struct loam_html_entity {
    const char *name; /* without "&" and ";" */
    const char *text;
    bool bare; /* also without ";" */
} loam_html_entity;
extern const loam_html_entity loam_html_entities[];
extern const size_t loam_html_n_entities;

#endif
