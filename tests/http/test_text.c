/* /v1/completions. */
#include "http_test.h"

static json_t *complete(const bench *b, const char *fields, int status)
{
    char body[4096];
    snprintf(body, sizeof body, "{%s}", fields);
    reply r = client_post(b->port, "/v1/completions", body);
    json_t *v = reply_json(&r);
    if (r.status != status)
        fail_msg("%s: %d %s", fields, r.status, loam_buf_text(&r.body));
    reply_deinit(&r);
    return v;
}

void test_text_prompts(void **state)
{
    bench b = bench_begin(NULL);
    static const struct {
        const char *fields, *text;
    } good[] = {
        {"\"prompt\":\"one two\"", "one two"},
        {"\"prompt\":[\"one two\"]", "one two"},
        {"\"prompt\":[104,105]", "hi"},
        {"\"prompt\":[[104,105]]", "hi"},
        {"\"prompt\":\"words:40\"", "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15"}, /* OpenAI's default: 16 */
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        json_t *v = complete(&b, good[i].fields, 200);
        assert_string_equal(json_text_at(v, "object"), "text_completion");
        assert_string_equal(json_text_at(v, "choices.0.text"), good[i].text);
        json_decref(v);
    }
    static const struct {
        const char *fields, *code;
    } bad[] = {
        {"\"max_tokens\":1", "missing_required_parameter"},
        {"\"prompt\":null", "missing_required_parameter"},
        {"\"prompt\":5", "invalid_type"},
        {"\"prompt\":[]", "invalid_type"},
        {"\"prompt\":[[]]", "invalid_type"},
        {"\"prompt\":{}", "invalid_type"},
        {"\"prompt\":[\"a\",\"b\"]", "unsupported_value"},
        {"\"prompt\":[[1],[2]]", "unsupported_value"},
        {"\"prompt\":[1,\"b\"]", "invalid_value"},
        {"\"prompt\":[1,300]", "invalid_value"},
        {"\"prompt\":[-1]", "invalid_value"},
        {"\"prompt\":[1,2.5]", "invalid_value"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *v = complete(&b, bad[i].fields, 400);
        if (strcmp(json_text_at(v, "error.code"), bad[i].code) != 0 ||
            strcmp(json_text_at(v, "error.param"), "prompt") != 0)
            fail_msg("%s: %s", bad[i].fields, json_text_at(v, "error.message"));
        json_decref(v);
    }
    bench_end(&b);
}

void test_text_echo(void **state)
{
    bench b = bench_begin(NULL);
    json_t *v = complete(&b, "\"prompt\":\"words:2\",\"echo\":true", 200);
    assert_string_equal(json_text_at(v, "choices.0.text"), "words:2w0 w1");
    json_decref(v);
    v = complete(&b, "\"prompt\":[104,105],\"echo\":true", 200);
    assert_string_equal(json_text_at(v, "choices.0.text"), "hihi");
    json_decref(v);
    bench_end(&b);
}

void test_text_logprobs(void **state)
{
    bench b = bench_begin(NULL);
    json_t *v = complete(&b, "\"prompt\":\"ab cd\",\"logprobs\":2", 200);
    assert_string_equal(json_text_at(v, "choices.0.logprobs.tokens.0"), "a");
    assert_string_equal(json_text_at(v, "choices.0.logprobs.tokens.1"), " ");
    assert_true(json_real_value(json_at(v, "choices.0.logprobs.token_logprobs.1")) == -0.5);
    assert_true(json_number_value(json_at(v, "choices.0.logprobs.top_logprobs.0.bytes:\\xe4")) == -9999);
    assert_int_equal(json_integer_value(json_at(v, "choices.0.logprobs.text_offset.0")), 0);
    assert_int_equal(json_integer_value(json_at(v, "choices.0.logprobs.text_offset.1")), 1);
    json_decref(v);
    v = complete(&b, "\"prompt\":\"ab cd\",\"logprobs\":0", 200);
    assert_int_equal(json_array_size(json_at(v, "choices.0.logprobs.tokens")), 2);
    assert_true(json_is_null(json_at(v, "choices.0.logprobs.top_logprobs")));
    json_decref(v);
    bench_end(&b);
}
