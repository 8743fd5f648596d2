/* Text from people never becomes a control token: see chat_int.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/chat_int.h"

typedef struct control {
    const char *text; /* borrowed from the tokenizer */
    size_t len;
} control;

struct loam_guard {
    control *list;     /* by first byte, then the longest first */
    size_t first[257]; /* of those that start with byte b: list[first[b]] to list[first[b + 1]] */
    size_t longest;
};

static int by_first_and_length(const void *a, const void *b)
{
    const control *x = a, *y = b;
    int fx = (unsigned char)x->text[0], fy = (unsigned char)y->text[0];
    if (fx != fy)
        return fx - fy;
    return x->len < y->len ? 1 : x->len > y->len ? -1 : 0;
}

loam_guard *loam_guard_new(const loam_tokenizer *t)
{
    size_t n = 0, n_vocab = loam_tokenizer_n_vocab(t);
    loam_guard *g = calloc(1, sizeof *g);
    for (size_t i = 0; i < n_vocab; i++)
        n += loam_tokenizer_is_control(t, (int32_t)i);
    if (g)
        g->list = calloc(n + 1, sizeof *g->list);
    if (!g || !g->list) {
        free(g);
        return NULL;
    }
    n = 0;
    for (size_t i = 0; i < n_vocab; i++) {
        const char *text = loam_tokenizer_text(t, (int32_t)i);
        size_t len = strlen(text);
        if (!loam_tokenizer_is_control(t, (int32_t)i) || len == 0)
            continue;
        g->list[n++] = (control){text, len};
        g->longest = len > g->longest ? len : g->longest;
    }
    qsort(g->list, n, sizeof *g->list, by_first_and_length);
    for (size_t b = 0, i = 0; b <= 256; b++) {
        while (i < n && (unsigned char)g->list[i].text[0] < b)
            i++;
        g->first[b] = i;
    }
    return g;
}

void loam_guard_free(loam_guard *g)
{
    if (g)
        free(g->list);
    free(g);
}

/* Length of the longest control token text that s starts with; 0: none. */
static size_t match(const loam_guard *g, const char *s, size_t len)
{
    unsigned char b = (unsigned char)s[0];
    for (size_t i = g->first[b]; i < g->first[b + 1]; i++)
        if (g->list[i].len <= len && memcmp(g->list[i].text, s, g->list[i].len) == 0)
            return g->list[i].len;
    return 0;
}

/* Whether s[0..len) is the beginning of a control token text. */
static bool begins(const loam_guard *g, const char *s, size_t len)
{
    unsigned char b = (unsigned char)s[0];
    for (size_t i = g->first[b]; i < g->first[b + 1]; i++)
        if (g->list[i].len > len && memcmp(g->list[i].text, s, len) == 0)
            return true;
    return false;
}

/* Where in s the beginning of a control token text starts that reaches to the end of s; len: nowhere. */
static size_t open_end(const loam_guard *g, const char *s, size_t len)
{
    for (size_t n = len < g->longest ? len : g->longest; n > 0; n--)
        if (begins(g, s + len - n, n))
            return len - n;
    return len;
}

static size_t without_space(const char *s, size_t len)
{
    while (len && s[len - 1] && strchr(" \t\r\n\v\f", s[len - 1]))
        len--;
    return len;
}

/* U+100000 to U+1000FF are F4 80 80..83 80..BF. */
static bool is_replacement(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    return len >= 4 && u[0] == 0xF4 && u[1] == 0x80 && u[2] >= 0x80 && u[2] <= 0x83 && (u[3] & 0xC0) == 0x80;
}

static void add_replaced(loam_buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)s[i];
        char u[4] = {(char)0xF4, (char)0x80, (char)(0x80 | b >> 6), (char)(0x80 | (b & 0x3F))};
        loam_buf_add(out, u, 4);
    }
}

static json_t *guard_string(const loam_guard *g, const char *s, size_t len)
{
    loam_buf out;
    size_t plain = 0, open = open_end(g, s, len);
    size_t trimmed = without_space(s, len), open_trimmed = open_end(g, s, trimmed); /* many templates trim */
    loam_buf_init(&out, SIZE_MAX / 8);
    for (size_t i = 0; i < len;) {
        size_t n = is_replacement(s + i, len - i) ? 4 : match(g, s + i, len - i);
        if (n == 0 && i >= open)
            n = len - i;
        else if (n == 0 && i >= open_trimmed && i < trimmed)
            n = trimmed - i;
        if (n == 0) {
            i++;
            continue;
        }
        loam_buf_add(&out, s + plain, i - plain);
        add_replaced(&out, s + i, n);
        plain = i += n;
    }
    loam_buf_add(&out, s + plain, len - plain);
    json_t *v = out.failed ? NULL : json_stringn(loam_buf_text(&out), out.len);
    loam_buf_deinit(&out);
    return v;
}

json_t *loam_guard_json(const loam_guard *g, const json_t *v)
{
    json_t *copy = NULL;
    if (json_is_string(v))
        return guard_string(g, json_string_value(v), json_string_length(v));
    if (json_is_array(v)) {
        copy = json_array();
        for (size_t i = 0; copy && i < json_array_size(v); i++) {
            if (json_array_append_new(copy, loam_guard_json(g, json_array_get(v, i))) != 0) {
                json_decref(copy);
                copy = NULL;
            }
        }
        return copy;
    }
    if (!json_is_object(v))
        return json_deep_copy(v);
    const char *key;
    json_t *value;
    copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        json_t *new_key = copy ? guard_string(g, key, strlen(key)) : NULL;
        if (!new_key || json_object_set_new(copy, json_string_value(new_key), loam_guard_json(g, value)) != 0) {
            json_decref(copy);
            copy = NULL;
        }
        json_decref(new_key);
    }
    return copy;
}

/* Length of the run of replaced bytes at s, in bytes of s; and of the run of other text. */
static size_t replaced_run(const char *s, size_t len)
{
    size_t n = 0;
    while (is_replacement(s + n, len - n))
        n += 4;
    return n;
}

static size_t plain_run(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && !is_replacement(s + n, len - n))
        n++;
    return n;
}

static void add_revealed(loam_buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i += 4)
        loam_buf_char(out, (char)((s[i + 2] & 3) << 6 | (s[i + 3] & 0x3F)));
}

bool loam_guard_reveal(const char *rendered, size_t len, loam_buf *out)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = plain_run(rendered + i, len - i);
        loam_buf_add(out, rendered + i, n);
        i += n;
        n = replaced_run(rendered + i, len - i);
        add_revealed(out, rendered + i, n);
    }
    return !out->failed;
}

loam_status loam_guard_encode(const loam_tokenizer *t, const char *rendered, size_t len, int32_t **ids, size_t *n_ids,
                              loam_err *err)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = plain_run(rendered + i, len - i);
        if (n)
            LOAM_TRY(loam_tokenizer_encode(t, rendered + i, n, true, false, ids, n_ids, err));
        i += n;
        n = replaced_run(rendered + i, len - i);
        if (n) {
            loam_buf text;
            loam_buf_init(&text, n);
            add_revealed(&text, rendered + i, n);
            loam_status s = LOAM_STATUS_NO_MEMORY;
            if (!text.failed)
                s = loam_tokenizer_encode(t, text.data, text.len, false, false, ids, n_ids, err);
            else
                loam_err_set(err, s, __FILE__, __LINE__, "no memory to read the prompt");
            loam_buf_deinit(&text);
            LOAM_TRY(s);
        }
    }
    return LOAM_OK;
}
