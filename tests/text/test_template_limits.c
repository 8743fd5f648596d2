/* What chat templates do here and not in Python: every limit ends in a sentence, failures leave the output as it was,
 * one compiled template serves many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "test_template.h"
#include "text/chat_template.h"

static loam_status run(const char *source, const char *vars, loam_buf *out, loam_err *err)
{
    loam_chat_template *t;
    json_t *v = NULL;
    loam_status status = loam_json_parse(vars, strlen(vars), 1 << 20, &v, err);
    if (status == LOAM_OK)
        status = loam_chat_template_new(source, strlen(source), &t, err);
    if (status == LOAM_OK) {
        status = loam_chat_template_render_at(t, v, 0, out, err);
        loam_chat_template_free(t);
    }
    json_decref(v);
    return status;
}

void test_template_limits(void **state)
{
    static const struct {
        const char *source;
        loam_status status;
        const char *message;
    } rows[] = {
        {"{% for i in range(100000) %}{% for k in range(100000) %}{% endfor %}{% endfor %}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: the template ran for more than 10000000 steps"},
        {"\n{% for i in range(100001) %}{% endfor %}", LOAM_STATUS_TOO_LARGE,
         "line 2 of the chat template: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."},
        {"{% macro f() %}\n{{ f() }}{% endmacro %}{{ f() }}", LOAM_STATUS_TOO_LARGE,
         "line 2 of the chat template: values or macros are nested more than 1500 deep"},
        {"{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: values or macros are nested more than 1500 deep"},
        {"{% set ns = namespace(x=1) %}{% for i in range(90000) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ ns.x == ns.x "
         "}}"
         "{{ {ns.x: 1} }}",
         LOAM_STATUS_TOO_LARGE, "line 1 of the chat template: values or macros are nested more than 1500 deep"},
        {"{% set ns = namespace(x=1) %}{% for i in range(9000) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1} }}",
         LOAM_STATUS_INVALID, "line 1 of the chat template: unhashable type: 'tuple'"},
        {"{% set ns = namespace(x=[1]) %}{% for i in range(9000) %}{% set ns.x = ns.x|map('string') %}{% endfor %}"
         "{{ ns.x|list }}",
         LOAM_STATUS_TOO_LARGE, "line 1 of the chat template: values or macros are nested more than 1500 deep"},
        {"{% for x in [[[]]] recursive %}{{ loop([[1]]) }}{% endfor %}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: values or macros are nested more than 1500 deep"},
        {"{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: the output grew beyond 8 MiB"},
        {"{{ 'x' * 100000000 }}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: the template needs more than 64 MiB of memory"},
        {"{{ [1] * 100000000 }}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: the template needs more than 64 MiB of memory"},
        {"{{ 'x' * 9223372036854775807 }}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: the template needs more than 64 MiB of memory"},
        {"{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
         LOAM_STATUS_TOO_LARGE, "line 1 of the chat template: the template needs more than 64 MiB of memory"},
        {"{{ '%999999999d' % 1 }}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: a format's width or precision is too big"},
        {"{{ 'x'.ljust(99999999) }}", LOAM_STATUS_TOO_LARGE,
         "line 1 of the chat template: the template needs more than 64 MiB of memory"},
        {"{{ 9223372036854775807 + 1 }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{{ -9223372036854775807 - 2 }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{{ (-9223372036854775807 - 1) // -1 }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{{ (-9223372036854775807 - 1) | abs }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{{ 10 ** 19 }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{{ 99999999999999999999 }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{{ '1e30' | int }}", LOAM_STATUS_INVALID,
         "line 1 of the chat template: a whole number does not fit into 64 bits"},
        {"{% block x %}{% endblock %}", LOAM_STATUS_UNSUPPORTED,
         "line 1 of the chat template: the tag 'block' makes no sense in a chat template"},
        {"a\n\n{{ x.y.z }}", LOAM_STATUS_INVALID, "line 3 of the chat template: 'x' is undefined"},
        {"a\n{% if 1 %}\n{{ 1 + }}", LOAM_STATUS_INVALID,
         "line 3 of the chat template: unexpected 'end of print statement'"},
        {"{{ '\xff' }}", LOAM_STATUS_INVALID, "line 1 of the chat template: the text is not valid UTF-8"},
        {"{{ raise_exception('as it is') }}", LOAM_STATUS_INVALID, "as it is"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        loam_buf out;
        loam_err err = LOAM_ERR_INIT;
        loam_buf_init(&out, 32 << 20);
        assert_true(loam_buf_str(&out, "before"));
        loam_status status = run(rows[i].source, "{}", &out, &err);
        if (status != rows[i].status || strcmp(err.msg, rows[i].message))
            fail_msg("%s\n  want %s: %s\n  got  %s: %s", rows[i].source, loam_status_name(rows[i].status),
                     rows[i].message, loam_status_name(status), err.msg);
        assert_string_equal(loam_buf_text(&out), "before");
        loam_buf_deinit(&out);
    }
}

/* Nesting in the source, by brackets, operators and blocks. */
void test_template_deep_source(void **state)
{
    static const char *const opens[] = {"{{ (",  "{{ [",  "{{ not ",         "{{ -", "{% if 1 %}", "{{ 1 if 1 else ",
                                        "{{ x[", "{{ f(", "{% for x in y %}"};
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        char source[60000] = "";
        size_t n = 0, from = opens[i][1] == '{' ? 3 : 0; /* "{{ " once, the rest again and again */
        n += (size_t)snprintf(source, sizeof source, "%.*s", (int)from, opens[i]);
        for (int k = 0; k < 2000; k++)
            n += (size_t)snprintf(source + n, sizeof source - n, "%s", opens[i] + from);
        loam_err err = LOAM_ERR_INIT;
        loam_chat_template *t;
        assert_int_not_equal(loam_chat_template_new(source, n, &t, &err), LOAM_OK);
        assert_null(t);
        assert_non_null(strstr(err.msg, "nested"));
    }
    static const char *const chains[] = {" + 1", ".a", " | upper", "(1)", " and 1", " ~ 1", "[0]", " is defined == 1"};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        char source[60000] = "{{ 1";
        size_t n = 4;
        for (int k = 0; k < 3000; k++)
            n += (size_t)snprintf(source + n, sizeof source - n, "%s", chains[i]);
        n += (size_t)snprintf(source + n, sizeof source - n, " }}");
        loam_err err = LOAM_ERR_INIT;
        loam_chat_template *t = NULL;
        json_t *vars = json_object();
        loam_buf out;
        loam_buf_init(&out, 1 << 20);
        if (loam_chat_template_new(source, n, &t, &err) == LOAM_OK)
            assert_true(loam_chat_template_render_at(t, vars, 0, &out, &err) == LOAM_OK || err.msg[0]);
        loam_chat_template_free(t);
        loam_buf_deinit(&out);
        json_decref(vars);
    }
}

/* Long texts built piece by piece, as templates do, must not cost the square of their length in memory. */
void test_template_appending(void **state)
{
    loam_buf out;
    loam_err err = LOAM_ERR_INIT;
    loam_buf_init(&out, 16 << 20);
    assert_int_equal(
        run("{% set ns = namespace(s='', t='') %}{% for i in range(60000) %}{% set ns.s = ns.s + 'piece' %}"
            "{% set ns.t = ns.t ~ i %}{% endfor %}{{ ns.s | length }} {{ ns.t | length }} {{ ns.t[-10:] }}",
            "{}", &out, &err),
        LOAM_OK);
    assert_string_equal(loam_buf_text(&out), "300000 288890 5999859999");
    loam_buf_deinit(&out);
}

/* A conversation of 4,000 long messages fits the limits. */
void test_template_long_conversation(void **state)
{
    json_t *vars = json_object(), *messages = json_array();
    char text[1501];
    memset(text, 'w', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < 4000; i++)
        json_array_append_new(messages, json_pack("{s:s, s:s}", "role", i % 2 ? "assistant" : "user", "content", text));
    json_object_set_new(vars, "messages", messages);
    static const char source[] =
        "{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ 'start ' }}{% endif %}"
        "{{ '<|' + m['role'] + '|>' + '\n' + m['content'] + '<|end|>' + '\n' }}{% endfor %}";
    loam_err err = LOAM_ERR_INIT;
    loam_chat_template *t;
    loam_buf out;
    loam_buf_init(&out, 16 << 20);
    assert_int_equal(loam_chat_template_new(source, sizeof source - 1, &t, &err), LOAM_OK);
    assert_int_equal(loam_chat_template_render_at(t, vars, 0, &out, &err), LOAM_OK);
    assert_int_equal(out.len, 6 + 2000 * (8 + 13) + 4000 * (1500 + 1 + 8));
    loam_buf_deinit(&out);
    loam_chat_template_free(t);
    json_decref(vars);
}

typedef struct job {
    const loam_chat_template *t;
    int id, wrong;
} job;

static void *render_often(void *arg)
{
    job *w = arg;
    char want[64];
    json_t *vars = json_pack("{s:i, s:[s,s]}", "id", w->id, "words", "a", "b");
    snprintf(want, sizeof want, "%d:ab-AB-%d.%d;", w->id, w->id, w->id + 1);
    for (int i = 0; i < 200; i++) {
        loam_buf out;
        loam_err err = LOAM_ERR_INIT;
        loam_buf_init(&out, 4096);
        if (loam_chat_template_render_at(w->t, vars, 0, &out, &err) != LOAM_OK || strcmp(loam_buf_text(&out), want))
            w->wrong++;
        loam_buf_deinit(&out);
    }
    json_decref(vars);
    return NULL;
}

void test_template_threads(void **state)
{
    static const char source[] = "{% macro m(x) %}{{ x | join }}{% endmacro %}{% set ns = namespace(n=id) %}{{ id }}:"
                                 "{{ m(words) ~ '-' ~ m(words) | upper }}-{% for i in range(2) %}{{ ns.n }}"
                                 "{% set ns.n = ns.n + 1 %}{{ '.' if not loop.last }}{% endfor %};";
    loam_err err = LOAM_ERR_INIT;
    loam_chat_template *t;
    pthread_t threads[4];
    job jobs[4];
    assert_int_equal(loam_chat_template_new(source, sizeof source - 1, &t, &err), LOAM_OK);
    for (int i = 0; i < 4; i++) {
        jobs[i] = (job){t, i * 10, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].wrong, 0);
    }
    loam_chat_template_free(t);
}

/* Output that the caller's buffer cannot take is an error, not a cut prompt. */
void test_template_small_buffer(void **state)
{
    loam_buf out;
    loam_err err = LOAM_ERR_INIT;
    loam_buf_init(&out, 10);
    assert_int_equal(run("{{ 'x' * 11 }}", "{}", &out, &err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(out.len, 0);
    assert_non_null(strstr(err.msg, "11 bytes"));
    loam_buf_deinit(&out);
}
