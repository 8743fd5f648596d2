/* A strict reader of the markup that reports write: not what a browser forgives, but what a careful writer makes. */
#ifndef LOAM_TESTS_FLEET_MARKUP_H
#define LOAM_TESTS_FLEET_MARKUP_H

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* Reads markup strictly: every element is closed by its own name in the right order (or is void), every attribute has
 * quotes, no bare "<" or "&" stands in text. Fails with the place. */
typedef struct markup {
    const char *at, *start;
    char open[64][16];
    int depth, elements;
} markup;

static void wrong(const markup *m, const char *what)
{
    fail_msg("%s at byte %zu: %.120s", what, (size_t)(m->at - m->start), m->at);
}

static void read_entity(markup *m)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&nbsp;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strncmp(m->at, known[i], strlen(known[i]))) {
            m->at += strlen(known[i]);
            return;
        }
    }
    wrong(m, "an entity that is none");
}

static void read_tag(markup *m)
{
    static const char *const voids[] = {"meta", "!DOCTYPE"};
    char name[16] = "";
    bool closing = m->at[1] == '/';
    m->at += closing ? 2 : 1;
    size_t n = strcspn(m->at, " />");
    if (n == 0 || n >= sizeof name)
        wrong(m, "a tag without a name");
    memcpy(name, m->at, n);
    m->at += n;
    m->elements++;
    while (*m->at == ' ') {
        m->at++;
        size_t key = strspn(m->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (!key)
            wrong(m, "an attribute without a name");
        m->at += key;
        if (*m->at != '=')
            continue;
        m->at++;
        if (*m->at++ != '"')
            wrong(m, "a value without quotes");
        while (*m->at && *m->at != '"') {
            if (*m->at == '<')
                wrong(m, "a tag in an attribute");
            if (*m->at == '&')
                read_entity(m);
            else
                m->at++;
        }
        m->at++;
    }
    bool empty = *m->at == '/';
    m->at += empty;
    if (*m->at++ != '>')
        wrong(m, "a tag that does not end");
    for (size_t i = 0; i < sizeof voids / sizeof *voids; i++)
        empty |= !strcmp(name, voids[i]);
    if (closing) {
        if (!m->depth || strcmp(m->open[--m->depth], name))
            wrong(m, "closes what is not open");
    } else if (!empty) {
        assert_true(m->depth < 63);
        memcpy(m->open[m->depth++], name, sizeof name);
        if (!strcmp(name, "style") || !strcmp(name, "script")) { /* text up to its end */
            m->at = strstr(m->at, !strcmp(name, "style") ? "</style>" : "</script>");
            assert_non_null(m->at);
        }
    }
}

static int well_formed(const loam_buf *b)
{
    markup m = {.at = b->data, .start = b->data};
    while (*m.at) {
        if (*m.at == '<')
            read_tag(&m);
        else if (*m.at == '&')
            read_entity(&m);
        else if (*m.at == '>')
            wrong(&m, "a bare >");
        else
            m.at++;
    }
    if (m.depth)
        fail_msg("%s is not closed", m.open[m.depth - 1]);
    assert_true((size_t)(m.at - b->data) == b->len);
    return m.elements;
}

#endif
