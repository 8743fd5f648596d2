/* Normalising: the longest match of the model's map of characters is replaced, user-defined pieces are left alone, and
 * spaces are taken out, added and written as "▁" as the file says (SentencePiece's normalizer.cc). */
#include <stdlib.h>
#include <string.h>

#include "text/unigram_int.h"
#include "text/utf8.h"

static uint32_t read_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

loam_status loam_unigram_charsmap_read(loam_unigram_charsmap *m, const void *data, size_t len, loam_err *err)
{
    const unsigned char *p = data;
    size_t n_trie = len < 4 ? 0 : read_u32(p);
    if (len < 4 || n_trie > len - 4 || n_trie % 4 || n_trie < 1024)
        LOAM_FAIL(err, CORRUPT,
                  "the map of characters of the tokenizer is damaged: %zu bytes, of which %zu are its index", len,
                  n_trie);
    m->n_units = n_trie / 4;
    m->n_texts = len - 4 - n_trie;
    m->unit = malloc(n_trie);
    m->texts = malloc(m->n_texts + 1);
    if (!m->unit || !m->texts) {
        loam_unigram_charsmap_deinit(m);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the map of characters of a tokenizer");
    }
    for (size_t i = 0; i < m->n_units; i++)
        m->unit[i] = read_u32(p + 4 + 4 * i);
    memcpy(m->texts, p + 4 + n_trie, m->n_texts);
    m->texts[m->n_texts] = 0;
    return LOAM_OK;
}

void loam_unigram_charsmap_deinit(loam_unigram_charsmap *m)
{
    free(m->unit);
    free(m->texts);
    *m = (loam_unigram_charsmap){0};
}

/* A unit holds the label of the way to it, an offset that is xor-ed to its own place for those that follow, and whether
 * one of these, with the label 0, is a value. */
static size_t unit_offset(uint32_t u)
{
    return (size_t)(u >> 10) << ((u & 1u << 9) >> 6);
}

/* The longest prefix of s[0..n) in the map: its length, 0 when there is none, and its replacement. */
static size_t longest_match(const loam_unigram_charsmap *m, const char *s, size_t n, const char **text)
{
    size_t length = 0;
    if (!m->unit)
        return 0;
    size_t at = unit_offset(m->unit[0]);
    for (size_t i = 0; i < n; i++) {
        at ^= (unsigned char)s[i];
        if (at >= m->n_units || (m->unit[at] & (1u << 31 | 0xFF)) != (unsigned char)s[i])
            break;
        uint32_t u = m->unit[at];
        at ^= unit_offset(u);
        if (!(u >> 8 & 1))
            continue;
        size_t place = at < m->n_units ? m->unit[at] & 0x7FFFFFFF : SIZE_MAX;
        if (place > m->n_texts) /* a damaged map */
            break;
        length = i + 1;
        *text = m->texts + place;
    }
    return length;
}

/* The length of the longest user-defined piece that s[0..n) begins with, or 0. */
static size_t user_defined(const loam_unigram *t, const char *s, size_t n)
{
    size_t length = 0;
    const loam_unigram_node *node = t->node;
    for (size_t i = 0; i < n && (node = loam_unigram_child(t, node, (uint8_t)s[i])); i++)
        if (node->id >= 0 && t->type[node->id] == LOAM_UNIGRAM_USER)
            length = i + 1;
    return length;
}

/* What the beginning of s[0..n), n ≥ 1, becomes: *text and *len; returns how much of s that was. */
static size_t take(const loam_unigram *t, const char *s, size_t n, const char **text, size_t *len)
{
    size_t used = t->has_user ? user_defined(t, s, n) : 0;
    if (used == 0) {
        used = longest_match(&t->map, s, n, text);
        if (used) {
            *len = strlen(*text);
            return used;
        }
        uint32_t cp;
        used = loam_utf8_next(s, n, &cp);
        if (cp == LOAM_UTF8_INVALID) {
            *text = "\xEF\xBF\xBD";
            *len = 3;
            return 1;
        }
    }
    *text = s;
    *len = used;
    return used;
}

static void add_space(const loam_unigram *t, loam_buf *out)
{
    loam_buf_str(out, t->escape_spaces ? LOAM_UNIGRAM_SPACE : " ");
}

loam_status loam_unigram_normalize(const loam_unigram *t, const char *s, size_t n, loam_buf *out, loam_err *err)
{
    const char *text, *space = t->escape_spaces ? LOAM_UNIGRAM_SPACE : " ";
    size_t at = 0, len, n_space = strlen(space);
    while (t->remove_extra_spaces && at < n) {
        size_t used = take(t, s + at, n - at, &text, &len);
        if (len != 1 || text[0] != ' ')
            break;
        at += used;
    }
    if (at == n)
        return LOAM_OK;
    if (t->add_dummy_prefix && !t->space_as_suffix)
        add_space(t, out);
    bool after_space = t->remove_extra_spaces;
    while (at < n && !out->failed) {
        at += take(t, s + at, n - at, &text, &len);
        size_t i = 0;
        while (after_space && i < len && text[i] == ' ')
            i++;
        if (i < len)
            after_space = t->remove_extra_spaces && text[len - 1] == ' ';
        for (; i < len; i++) {
            if (text[i] == ' ')
                add_space(t, out);
            else
                loam_buf_char(out, text[i]);
        }
    }
    while (t->remove_extra_spaces && out->len >= n_space && memcmp(out->data + out->len - n_space, space, n_space) == 0)
        loam_buf_truncate(out, out->len - n_space);
    if (t->add_dummy_prefix && t->space_as_suffix)
        add_space(t, out);
    if (out->failed)
        LOAM_FAIL(err, TOO_LARGE, "the text has more than %zu bytes after it was normalised", out->max);
    return LOAM_OK;
}
