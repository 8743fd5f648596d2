/* Special tokens are found in the text before anything else: control tokens ("<|im_start|>") only where the caller
 * trusts the text, user-defined ones always, of several the longest, as Hugging Face's added tokens are. A trie over
 * bytes, kept in the hash table of pairs; a text costs at most MAX_SPECIAL steps a byte. */
#include "text/text_int.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SPECIAL = 512 };

static loam_status add_node(loam_tokenizer *t, loam_err *err)
{
    if (t->n_trie == t->trie_cap) {
        size_t cap = t->trie_cap ? t->trie_cap * 2 : 256;
        struct loam_trie_end *grown = realloc(t->trie_end, cap * sizeof *grown);
        if (!grown)
            LOAM_FAIL(err, NO_MEMORY, "no memory for the special tokens");
        t->trie_end = grown;
        t->trie_cap = cap;
    }
    t->trie_end[t->n_trie++] = (struct loam_trie_end){-1, -1};
    return LOAM_OK;
}

static loam_status add_special(loam_tokenizer *t, int32_t id, loam_err *err)
{
    const loam_token *k = &t->tokens[id];
    const char *s = t->bytes + k->text;
    uint64_t node = 0;
    t->trie_first[(unsigned char)s[0]] = true;
    for (size_t i = 0; i < k->text_len; i++) {
        uint64_t key = node << 8 | (unsigned char)s[i];
        const struct loam_pair *p = loam_pairs_find(&t->trie, key);
        if (p) {
            node = p->value;
            continue;
        }
        if (!loam_pairs_grow(&t->trie))
            LOAM_FAIL(err, NO_MEMORY, "no memory for the special tokens");
        node = t->n_trie;
        LOAM_TRY(add_node(t, err));
        loam_pairs_add(&t->trie, key, node);
    }
    struct loam_trie_end *end = &t->trie_end[node];
    if (end->any < 0)
        end->any = id;
    if (k->type == LOAM_TOKEN_USER && end->user < 0)
        end->user = id;
    return LOAM_OK;
}

loam_status loam_special_build(loam_tokenizer *t, loam_err *err)
{
    if (!loam_pairs_init(&t->trie, 0, t->seed))
        LOAM_FAIL(err, NO_MEMORY, "no memory for the special tokens");
    LOAM_TRY(add_node(t, err));
    for (size_t i = 0; i < t->n_tokens; i++) {
        const loam_token *k = &t->tokens[i];
        if (k->text_len == 0 || !(loam_token_is_hidden(k) || k->type == LOAM_TOKEN_USER))
            continue;
        if (k->text_len > MAX_SPECIAL)
            LOAM_FAIL(err, CORRUPT, "token %zu is a special token of %u bytes; none may be longer than %d", i,
                      (unsigned)k->text_len, MAX_SPECIAL);
        LOAM_TRY(add_special(t, (int32_t)i, err));
    }
    return LOAM_OK;
}

int32_t loam_special_match(const loam_tokenizer *t, const char *s, size_t n, bool with_control, size_t *len)
{
    int32_t found = -1;
    uint64_t node = 0;
    for (size_t i = 0; i < n; i++) {
        const struct loam_pair *p = loam_pairs_find(&t->trie, node << 8 | (unsigned char)s[i]);
        if (!p)
            break;
        node = p->value;
        int32_t id = with_control ? t->trie_end[node].any : t->trie_end[node].user;
        if (id >= 0) {
            found = id;
            *len = i + 1;
        }
    }
    return found;
}
