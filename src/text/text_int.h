/* What the files of the tokenizers share: pre-tokenizers, hash tables, the merge engine, the tokenizer itself.
 *
 *   text ── special tokens cut out ──┬─ BPE: pre-tokenizer ── words ── bytes ──┬─ merge engine ── ids
 *           (tokenizer_special.c)    └─ SPM: ' ' → '▁' ────── words ── chars ──┘
 */
#ifndef LOAM_TEXT_TEXT_INT_H
#define LOAM_TEXT_TEXT_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"
#include "text/unicode.h"

/* ---- pre-tokenizers (pretok.c names them, pretok_rules.c matches) ---- */

/* One pass cuts a piece of text into matches and the gaps between them, as Hugging Face's Split with the behaviour
 * "isolated" does; the next pass works on each of these alone and sees nothing around it. */
typedef struct loam_pretok_pass loam_pretok_pass;
struct loam_pretok_pass {
    /* The first match in s[0..n) that starts at or after `at` (< n): returns its start and puts its end, which is
     * greater, into *end; n when there is none. One of loam_pretok_find_*, each with the fields that it reads. */
    size_t (*find)(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);
    bool (*in)(loam_char c); /* run: which characters */
    unsigned least, most;    /* run: how many; most 0 is any number. words, cased: \p{N}{1,most} */
    bool lead_space;         /* run: \s? before it */
    bool contractions;       /* words, cased: 's 't 're 've 'm 'll 'd in either case */
    uint8_t letters;         /* words: L, or L and M */
    const char *tail;        /* words, cased: what may follow punctuation, "\r\n" or "\r\n/" or "" */
};

/* (\s?)[class]{least,most} */
size_t loam_pretok_find_run(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);
/* \s+$ */
size_t loam_pretok_find_end_space(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);
/* GPT-2's own, and with it most of the early models. */
size_t loam_pretok_find_gpt2(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);
/* The family of tiktoken's cl100k: Llama 3, Qwen 2 … */
size_t loam_pretok_find_words(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);
/* The family of tiktoken's o200k, which also cuts between lower and upper case. */
size_t loam_pretok_find_cased(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);
/* DeepSeek V3's main pass. */
size_t loam_pretok_find_deepseek3(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end);

/* Classes for runs. */
bool loam_pretok_in_letter(loam_char c);
bool loam_pretok_in_number(loam_char c);
bool loam_pretok_in_punct(loam_char c);
bool loam_pretok_in_newline(loam_char c);
bool loam_pretok_in_digit(loam_char c);           /* 0-9 */
bool loam_pretok_in_falcon_punct(loam_char c);    /* \p{P} and $+<=>^~|` */
bool loam_pretok_in_default_punct(loam_char c);   /* the same without ` */
bool loam_pretok_in_deepseek_cjk(loam_char c);    /* U+0800 to U+9FA5 and Hangul */
bool loam_pretok_in_deepseek3_cjk(loam_char c);   /* kanji and kana */
bool loam_pretok_in_deepseek_letter(loam_char c); /* letters that have case */
bool loam_pretok_in_deepseek_punct(loam_char c);  /* ASCII, full-width and CJK punctuation */

enum { LOAM_PRETOK_MAX_PASSES = 6 };

typedef struct loam_pretok {
    loam_pretok_pass pass[LOAM_PRETOK_MAX_PASSES]; /* until find is NULL */
    bool ignore_merges;                            /* a word that is a token is that token, whatever the merges say */
    bool add_bos;                                  /* when the file does not say */
} loam_pretok;

/* By the name in tokenizer.ggml.pre; NULL when Loam does not know it. Static. */
const loam_pretok *loam_pretok_get(const char *name, size_t len);

/* Takes one word of a text; borrowed for the call. */
typedef loam_status (*loam_pretok_fn)(void *arg, const char *word, size_t n, loam_err *err);
/* Calls fn for each word of s[0..n) in order; together the words are s. Stops at the first failure and returns it. */
LOAM_CHECK_RESULT loam_status loam_pretok_run(const loam_pretok *p, const char *s, size_t n, loam_pretok_fn fn,
                                              void *arg, loam_err *err);

/* ---- hash tables (tokenizer_table.c) ---- */

/* u64 -> u64, filled once. No key may be LOAM_PAIRS_NONE. */
#define LOAM_PAIRS_NONE UINT64_MAX
typedef struct loam_pairs {
    struct loam_pair {
        uint64_t key, value;
    } * slot; /* owned */
    size_t mask, n;
    uint64_t seed; /* so that a file cannot aim at one chain */
} loam_pairs;

/* Room for n keys, at a load of at most a half. False when out of memory. */
bool loam_pairs_init(loam_pairs *p, size_t n, uint64_t seed);
void loam_pairs_deinit(loam_pairs *p);
/* False when the key was there, whose value then stays. At most the n keys of init, or as many as loam_pairs_grow made.
 */
bool loam_pairs_add(loam_pairs *p, uint64_t key, uint64_t value);
/* Makes room for one more key; false when out of memory. */
bool loam_pairs_grow(loam_pairs *p);

static inline uint64_t loam_mix64(uint64_t x) /* the finaliser of SplitMix64 */
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static inline const struct loam_pair *loam_pairs_find(const loam_pairs *p, uint64_t key)
{
    for (size_t i = loam_mix64(key ^ p->seed) & p->mask; p->slot[i].key != LOAM_PAIRS_NONE; i = (i + 1) & p->mask)
        if (p->slot[i].key == key)
            return &p->slot[i];
    return NULL;
}

uint64_t loam_hash_bytes(const char *s, size_t n, uint64_t seed);

/* ---- the tokenizer ---- */

typedef enum loam_token_type { /* the file's numbers in tokenizer.ggml.token_type */
                               LOAM_TOKEN_NORMAL = 1,
                               LOAM_TOKEN_UNKNOWN,
                               LOAM_TOKEN_CONTROL,
                               LOAM_TOKEN_USER,
                               LOAM_TOKEN_UNUSED,
                               LOAM_TOKEN_BYTE
} loam_token_type;

typedef struct loam_token {
    uint32_t text, text_len;   /* in bytes[]: as the vocabulary writes it, with a NUL after it */
    uint32_t piece, piece_len; /* in bytes[]: what it stands for */
    uint32_t priority;         /* SPM: from the score; lower merges first */
    uint8_t type;              /* loam_token_type */
    bool is_end;               /* generation stops here */
    bool strips_right;         /* white space after it in the text belongs to it */
} loam_token;

struct loam_tokenizer {
    bool is_spm;
    const loam_pretok *pretok; /* BPE */
    loam_token *tokens;
    size_t n_tokens;
    size_t longest_text; /* of all tokens, in bytes */
    char *bytes;         /* all texts and pieces */
    size_t bytes_len, bytes_cap;

    uint32_t *by_text; /* open addressing, id + 1 or 0 */
    size_t by_text_mask;
    uint64_t seed;

    loam_pairs merges;       /* BPE: left id << 32 | right id -> rank << 32 | merged id */
    int32_t byte_id[256];    /* the token of each byte, -1 when there is none */
    uint16_t byte_char[256]; /* BPE: the character that the vocabulary writes for each byte */
    bool add_space_prefix;   /* SPM: a text begins with a space that is not in it */
    bool words_apart;        /* SPM: no token has '▁' after another character, so words can be merged one by one */

    loam_pairs trie; /* special tokens: node << 8 | byte -> node; the root is 0 */
    struct loam_trie_end {
        int32_t any, user; /* the special token that ends at this node, and the same if it is user-defined; or -1 */
    } * trie_end;          /* by node */
    size_t n_trie, trie_cap;
    bool trie_first[256]; /* bytes that a special token begins with */

    int32_t bos, eos, unk; /* or -1 */
    bool add_bos, add_eos;
};

static inline bool loam_token_is_hidden(const loam_token *k)
{
    return k->type == LOAM_TOKEN_CONTROL || k->type == LOAM_TOKEN_UNKNOWN;
}

/* The id whose text is s[0..n), or -1. */
int32_t loam_tokenizer_find_text(const loam_tokenizer *t, const char *s, size_t n);

/* Special tokens (tokenizer_special.c): builds the trie; then the longest special token that s[0..n) begins with, or
 * -1, its length in *len; control tokens only if with_control. */
LOAM_CHECK_RESULT loam_status loam_special_build(loam_tokenizer *t, loam_err *err);
int32_t loam_special_match(const loam_tokenizer *t, const char *s, size_t n, bool with_control, size_t *len);

/* ---- encoding ---- */

/* A symbol of the word that is being merged; a doubly linked list in an array. */
#define LOAM_SYM_NONE UINT32_MAX
typedef struct loam_sym {
    uint32_t prev, next; /* LOAM_SYM_NONE at the ends */
    uint32_t start, len; /* SPM: its bytes */
    int32_t id;          /* -1: not a token */
    int32_t merged;      /* what it becomes with the next one, when priority is not LOAM_SYM_NONE */
    uint32_t priority;   /* of that; LOAM_SYM_NONE: they do not merge */
} loam_sym;

/* One call of loam_tokenizer_encode: the ids so far and scratch that words reuse. */
typedef struct loam_encoder {
    const loam_tokenizer *t;
    int32_t *ids;
    size_t n_ids, ids_cap;
    loam_sym *syms;
    size_t syms_cap;
    uint64_t *heap; /* priority << 32 | index of the left symbol */
    size_t heap_n, heap_cap;
    char *text; /* SPM: the escaped text */
    size_t text_cap;
} loam_encoder;

/* Whether two neighbours merge: the priority (lower first, below LOAM_SYM_NONE) and the merged id, else LOAM_SYM_NONE.
 */
typedef uint32_t (*loam_merge_fn)(const loam_encoder *e, const loam_sym *left, const loam_sym *right, int32_t *merged);

LOAM_CHECK_RESULT loam_status loam_encoder_push(loam_encoder *e, int32_t id, loam_err *err);
/* Makes syms[] hold n. */
LOAM_CHECK_RESULT loam_status loam_encoder_reserve(loam_encoder *e, size_t n, loam_err *err);
/* Merges syms[0..n), n ≥ 1, whose start, len and id are set, until no neighbours merge: always the lowest priority,
 * of equal ones the leftmost. The result is the list from syms[0] along next. O(n log n). */
LOAM_CHECK_RESULT loam_status loam_merge_run(loam_encoder *e, size_t n, loam_merge_fn fn, loam_err *err);

/* Appends the ids of text without special tokens in it. */
LOAM_CHECK_RESULT loam_status loam_bpe_encode(loam_encoder *e, const char *s, size_t n, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_spm_encode(loam_encoder *e, const char *s, size_t n, loam_err *err);

/* Reading the tables of a file, after the tokens themselves. */
LOAM_CHECK_RESULT loam_status loam_bpe_load(loam_tokenizer *t, const loam_gguf *g, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_spm_load(loam_tokenizer *t, const loam_gguf *g, loam_err *err);
/* Appends to t->bytes and returns the offset, or SIZE_MAX when out of memory or past 4 GiB. */
size_t loam_tokenizer_keep(loam_tokenizer *t, const char *s, size_t n);

#endif
