/* Whole answers of /v1/chat/completions, and the small routes. */
#include "http_test.h"

static void expect_error(reply *r, int status, const char *type, const char *param, const char *code)
{
    json_t *v = reply_json(r);
    if (r->status != status || strcmp(json_text_at(v, "error.type"), type) != 0 ||
        strcmp(json_text_at(v, "error.code"), code) != 0 || strcmp(json_text_at(v, "error.param"), param) != 0 ||
        !json_string_length(json_at(v, "error.message")))
        fail_msg("wanted %d %s %s %s, got %d %s", status, type, param, code, r->status, loam_buf_text(&r->body));
    json_decref(v);
    reply_deinit(r);
}

/* The text of a chat answer to `message` with further fields (",…" or ""); free with free(). */
static char *ask(const bench *b, const char *message, const char *fields, const char **reason)
{
    static _Thread_local char why[32];
    char body[4096];
    snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s}", message, fields);
    reply r = client_post(b->port, "/v1/chat/completions", body);
    json_t *v = reply_json(&r);
    if (r.status != 200)
        fail_msg("%d %s", r.status, loam_buf_text(&r.body));
    snprintf(why, sizeof why, "%s", json_text_at(v, "choices.0.finish_reason"));
    if (reason)
        *reason = why;
    char *text = strdup(json_text_at(v, "choices.0.message.content"));
    json_decref(v);
    reply_deinit(&r);
    return text;
}

void test_chat_whole(void **state)
{
    bench b = bench_begin(NULL);
    reply r = client_post(b.port, "/v1/chat/completions",
                          "{\"model\":\"default\",\"messages\":[{\"role\":\"system\",\"content\":\"x\"},"
                          "{\"role\":\"user\",\"content\":\"h\\u00e9llo \\\"w\\\"\\n\"}]}");
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "application/json");
    json_t *v = reply_json(&r);
    assert_string_equal(json_text_at(v, "object"), "chat.completion");
    assert_memory_equal(json_text_at(v, "id"), "chatcmpl-", 9);
    assert_string_equal(json_text_at(v, "model"), "fake\"model");
    assert_true(json_is_integer(json_at(v, "created")));
    assert_int_equal(json_array_size(json_at(v, "choices")), 1);
    assert_int_equal(json_integer_value(json_at(v, "choices.0.index")), 0);
    assert_string_equal(json_text_at(v, "choices.0.message.role"), "assistant");
    assert_string_equal(json_text_at(v, "choices.0.message.content"), "h\xc3\xa9llo \"w\"\n");
    assert_string_equal(json_text_at(v, "choices.0.finish_reason"), "stop");
    assert_true(json_is_null(json_at(v, "choices.0.logprobs")));
    /* "<system>x<user>" + 12 bytes + BOS = 28 */
    assert_int_equal(json_integer_value(json_at(v, "usage.prompt_tokens")), 15 + 11 + 1);
    assert_int_equal(json_integer_value(json_at(v, "usage.completion_tokens")), 2);
    assert_int_equal(json_integer_value(json_at(v, "usage.total_tokens")), 15 + 11 + 1 + 2);
    assert_int_equal(json_integer_value(json_at(v, "usage.prompt_tokens_details.cached_tokens")), 3);
    assert_int_equal(json_integer_value(json_at(v, "timings.cache_n")), 3);
    assert_int_equal(json_integer_value(json_at(v, "timings.predicted_n")), 2);
    json_decref(v);
    reply_deinit(&r);
    bench_end(&b);
}

void test_chat_params_reach_engine(void **state)
{
    bench b = bench_begin(NULL);
    char *text = ask(&b, "params",
                     ",\"temperature\":1.5,\"top_p\":0.5,\"top_k\":7,\"min_p\":0.125,\"repeat_penalty\":1.25,"
                     "\"presence_penalty\":-1,\"frequency_penalty\":0.5,\"max_tokens\":99,\"stop\":\"@@\","
                     "\"ignore_eos\":true,\"logprobs\":true,\"logit_bias\":{\"42\":-100}",
                     NULL);
    assert_string_equal(text, "temperature=1.5 top_k=7 top_p=0.5 min_p=0.125 repeat_penalty=1.25 last_n=64 presence=-1 "
                              "frequency=0.5 max=99 stops=1 ignore_end=1 logprobs=1 n_bias=1 bias42=-100");
    free(text);
    bench_end(&b);
}

/* A seed that the client cannot send back unchanged (JavaScript keeps 53 bits) would not repeat the answer. */
void test_chat_seed(void **state)
{
    bench b = bench_begin(NULL);
    char *given = ask(&b, "seed", ",\"seed\":12345", NULL), *drawn = ask(&b, "seed", "", NULL);
    assert_string_equal(given, "12345");
    uint64_t seed = strtoull(drawn, NULL, 10);
    assert_true(seed > 0 && seed < (UINT64_C(1) << 53));
    reply r = client_post(b.port, "/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"seed\"}]}");
    json_t *v = reply_json(&r);
    char reported[32];
    snprintf(reported, sizeof reported, "%lld", (long long)json_integer_value(json_at(v, "loam.seed")));
    assert_string_equal(json_text_at(v, "choices.0.message.content"), reported);
    assert_string_not_equal(reported, drawn);
    json_decref(v);
    reply_deinit(&r);
    free(given);
    free(drawn);
    bench_end(&b);
}

void test_chat_stop_and_length(void **state)
{
    bench b = bench_begin(NULL);
    const char *why;
    char *text = ask(&b, "words:5", ",\"stop\":[\" w3\"]", &why);
    assert_string_equal(text, "w0 w1 w2");
    assert_string_equal(why, "stop");
    free(text);
    text = ask(&b, "words:5", ",\"max_tokens\":2", &why);
    assert_string_equal(text, "w0 w1");
    assert_string_equal(why, "length");
    free(text);
    bench_end(&b);
}

void test_chat_logprobs(void **state)
{
    bench b = bench_begin(NULL);
    reply r =
        client_post(b.port, "/v1/chat/completions",
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"ab cd\"}],\"logprobs\":true,\"top_logprobs\":2}");
    json_t *v = reply_json(&r);
    json_t *content = json_at(v, "choices.0.logprobs.content");
    assert_int_equal(json_array_size(content), 2);
    assert_string_equal(json_text_at(content, "0.token"), "a");
    assert_true(json_real_value(json_at(content, "0.logprob")) == -0.5);
    assert_int_equal(json_integer_value(json_at(content, "0.bytes.0")), 'a');
    assert_int_equal(json_array_size(json_at(content, "0.top_logprobs")), 2);
    /* half of a character: shown as U+FFFD, exact in the bytes; minus infinity is no JSON number */
    assert_string_equal(json_text_at(content, "1.top_logprobs.1.token"), "\xef\xbf\xbd");
    assert_int_equal(json_integer_value(json_at(content, "1.top_logprobs.1.bytes.0")), 0xe4);
    assert_true(json_number_value(json_at(content, "1.top_logprobs.1.logprob")) == -9999);
    json_decref(v);
    reply_deinit(&r);
    r = client_post(b.port, "/v1/chat/completions",
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"ab\"}],\"logprobs\":true}");
    v = reply_json(&r);
    assert_int_equal(json_array_size(json_at(v, "choices.0.logprobs.content")), 1);
    assert_int_equal(json_array_size(json_at(v, "choices.0.logprobs.content.0.top_logprobs")), 0);
    json_decref(v);
    reply_deinit(&r);
    bench_end(&b);
}

/* Never a silent cut: 400, OpenAI's code, and both numbers. */
void test_chat_too_long(void **state)
{
    bench b = bench_begin(NULL);
    loam_buf body;
    loam_buf_init(&body, 1 << 20);
    loam_buf_str(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 2500; i++)
        loam_buf_char(&body, 'x');
    loam_buf_str(&body, "\"}]}");
    reply r = client_post(b.port, "/v1/chat/completions", loam_buf_text(&body));
    assert_non_null(strstr(loam_buf_text(&r.body), "2507"));
    assert_non_null(strstr(loam_buf_text(&r.body), "2000"));
    expect_error(&r, 400, "invalid_request_error", "messages", "context_length_exceeded");
    loam_buf_deinit(&body);
    bench_end(&b);
}

void test_chat_bad_bodies(void **state)
{
    bench b = bench_begin(NULL);
    static const struct {
        const char *body, *param, *code;
    } all[] = {
        {"", "(none)", "invalid_json"},
        {"{", "(none)", "invalid_json"},
        {"{\"messages\":[],}", "(none)", "invalid_json"},
        {"{\"messages\":1,\"messages\":2}", "(none)", "invalid_json"},
        {"{\"messages\":\"\xff\"}", "(none)", "invalid_json"},
        {"{\"messages\":\"\\u0000\"}", "(none)", "invalid_json"},
        {"{\"messages\":\"\\ud800\"}", "(none)", "invalid_json"},
        {"[]", "(none)", "invalid_type"},
        {"17", "(none)", "invalid_type"},
        {"{}", "messages", "missing_required_parameter"},
        {"{\"messages\":null}", "messages", "invalid_type"},
        {"{\"messages\":[]}", "messages", "invalid_type"},
        {"{\"messages\":{}}", "messages", "invalid_type"},
        {"{\"messages\":[1]}", "messages", "invalid_value"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":3}", "temperature", "invalid_value"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"frobnicate\":3}", "frobnicate", "unknown_parameter"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"model\":5}", "model", "invalid_type"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"chat_template_kwargs\":5}", "chat_template_kwargs",
         "invalid_type"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        reply r = client_post(b.port, "/v1/chat/completions", all[i].body);
        expect_error(&r, 400, "invalid_request_error", all[i].param, all[i].code);
    }
    reply r = client_post(b.port, "/v1/chat/completions", "{\n\n  \"messages\": [oops]}");
    assert_non_null(strstr(loam_buf_text(&r.body), "line 3"));
    assert_non_null(strstr(loam_buf_text(&r.body), "column"));
    reply_deinit(&r);
    loam_buf deep;
    loam_buf_init(&deep, 1 << 20);
    for (int i = 0; i < 100000; i++)
        loam_buf_char(&deep, '[');
    r = client_post(b.port, "/v1/chat/completions", loam_buf_text(&deep));
    expect_error(&r, 400, "invalid_request_error", "(none)", "invalid_json");
    loam_buf_deinit(&deep);
    r = client_call(b.port, "POST", "/v1/chat/completions", "Content-Type: text/plain\r\n", "{}");
    expect_error(&r, 415, "invalid_request_error", "(none)", "unsupported_media_type");
    assert_true(bench_metric(&b, "loam_requests_processing") == 0);
    bench_end(&b);
}

void test_chat_models_named(void **state)
{
    bench b = bench_begin(&(loam_server_options){.model_alias = "smollm2"});
    static const char *const known[] = {"", "default", "smollm2", "fake\\\"model"};
    char fields[64];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        snprintf(fields, sizeof fields, ",\"model\":\"%s\"", known[i]);
        free(ask(&b, "hi", fields, NULL));
    }
    reply r = client_post(b.port, "/v1/chat/completions",
                          "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert_non_null(strstr(loam_buf_text(&r.body), "gpt-4o"));
    expect_error(&r, 404, "not_found_error", "model", "model_not_found");
    bench_end(&b);
}

void test_models(void **state)
{
    bench b = bench_begin(NULL);
    reply r = client_call(b.port, "GET", "/v1/models", "", NULL);
    json_t *v = reply_json(&r);
    assert_string_equal(json_text_at(v, "object"), "list");
    assert_int_equal(json_array_size(json_at(v, "data")), 1);
    assert_string_equal(json_text_at(v, "data.0.id"), "fake\"model");
    assert_string_equal(json_text_at(v, "data.0.object"), "model");
    assert_true(json_is_integer(json_at(v, "data.0.created")) && json_is_string(json_at(v, "data.0.owned_by")));
    assert_int_equal(json_integer_value(json_at(v, "data.0.meta.n_ctx")), 2000);
    json_decref(v);
    reply_deinit(&r);
    r = client_call(b.port, "GET", "/v1/models/fake%22model", "", NULL);
    v = reply_json(&r);
    assert_int_equal(r.status, 200);
    assert_string_equal(json_text_at(v, "id"), "fake\"model");
    json_decref(v);
    reply_deinit(&r);
    r = client_call(b.port, "GET", "/v1/models/other", "", NULL);
    expect_error(&r, 404, "not_found_error", "model", "model_not_found");
    r = client_call(b.port, "GET", "/v1/models/", "", NULL);
    expect_error(&r, 404, "not_found_error", "(none)", "unknown_url");
    bench_end(&b);
}

void test_tokens(void **state)
{
    bench b = bench_begin(NULL);
    reply r = client_post(b.port, "/tokenize", "{\"content\":\"a\xc3\xa9\"}");
    assert_string_equal(loam_buf_text(&r.body), "{\"tokens\":[97,195,169]}");
    reply_deinit(&r);
    r = client_post(b.port, "/tokenize", "{\"content\":\"a\xc3\",\"with_pieces\":true}");
    expect_error(&r, 400, "invalid_request_error", "(none)", "invalid_json");
    r = client_post(b.port, "/tokenize", "{\"content\":\"a\xc3\xa9\",\"with_pieces\":true,\"add_special\":true}");
    assert_string_equal(loam_buf_text(&r.body), "{\"tokens\":[{\"id\":256,\"piece\":\"\"},{\"id\":97,\"piece\":\"a\"},"
                                                "{\"id\":195,\"piece\":[195]},{\"id\":169,\"piece\":[169]}]}");
    reply_deinit(&r);
    r = client_post(b.port, "/detokenize", "{\"tokens\":[97,195,169]}");
    assert_string_equal(loam_buf_text(&r.body), "{\"content\":\"a\xc3\xa9\"}");
    reply_deinit(&r);
    r = client_post(b.port, "/detokenize", "{\"tokens\":[195]}");
    assert_string_equal(loam_buf_text(&r.body), "{\"content\":\"\xef\xbf\xbd\"}");
    reply_deinit(&r);
    r = client_post(b.port, "/detokenize", "{\"tokens\":[97,300]}");
    expect_error(&r, 400, "invalid_request_error", "tokens", "invalid_value");
    r = client_post(b.port, "/detokenize", "{}");
    expect_error(&r, 400, "invalid_request_error", "tokens", "invalid_type");
    r = client_post(b.port, "/tokenize", "{\"content\":5}");
    expect_error(&r, 400, "invalid_request_error", "content", "invalid_type");
    r = client_post(b.port, "/tokenize", "{\"content\":\"x\",\"with_pieces\":5}");
    expect_error(&r, 400, "invalid_request_error", "with_pieces", "invalid_type");
    bench_end(&b);
}

void test_template_applied(void **state)
{
    bench b = bench_begin(NULL);
    reply r = client_post(
        b.port, "/apply-template",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"chat_template_kwargs\":{\"suffix\":\"!\"}}");
    assert_string_equal(loam_buf_text(&r.body), "{\"prompt\":\"<user>hi!\"}");
    reply_deinit(&r);
    r = client_post(b.port, "/apply-template", "{\"messages\":[{\"role\":\"user\"}]}");
    expect_error(&r, 400, "invalid_request_error", "messages", "invalid_value");
    bench_end(&b);
}

void test_health_and_page(void **state)
{
    bench b = bench_begin(NULL);
    static const char *const paths[] = {"/health", "/v1/health"};
    for (int i = 0; i < 2; i++) {
        reply r = client_call(b.port, "GET", paths[i], "", NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(loam_buf_text(&r.body), "{\"status\":\"ok\"}");
        reply_deinit(&r);
    }
    reply r = client_call(b.port, "GET", "/?x=1", "", NULL);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(loam_buf_text(&r.body), "<html"));
    assert_non_null(strstr(reply_header(&r, "Content-Security-Policy"), "default-src 'self'"));
    char known[256];
    snprintf(known, sizeof known, "If-None-Match: \"other\", %s\r\n", reply_header(&r, "ETag"));
    reply_deinit(&r);
    r = client_call(b.port, "GET", "/", known, NULL);
    assert_int_equal(r.status, 304);
    assert_int_equal(r.body.len, 0);
    assert_non_null(reply_header(&r, "ETag"));
    reply_deinit(&r);
    static const char *const nowhere[] = {"/nothing", "/../etc/passwd",       "/%2e%2e/etc/passwd", "//",
                                          "/v1",      "/v1/chat/completions/"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        r = client_call(b.port, "GET", nowhere[i], "", NULL);
        expect_error(&r, 404, "not_found_error", "(none)", "unknown_url");
    }
    bench_end(&b);
}

void test_head_and_methods(void **state)
{
    bench b = bench_begin(NULL);
    reply r = client_call(b.port, "HEAD", "/health", "", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Length"), "15");
    reply_deinit(&r);
    static const struct {
        const char *method, *path, *allow;
    } all[] = {
        {"GET", "/v1/chat/completions", "POST"},
        {"HEAD", "/v1/completions", "POST"},
        {"PUT", "/tokenize", "POST"},
        {"POST", "/v1/models", "GET, HEAD"},
        {"DELETE", "/health", "GET, HEAD"},
        {"POST", "/", "GET, HEAD"},
        {"OPTIONS", "/health", "GET, HEAD"},
        {"PATCH", "/metrics", "GET, HEAD"},
        {"FROB", "/v1/models/x", "GET, HEAD"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool body = strcmp(all[i].method, "HEAD") != 0;
        r = client_call(b.port, all[i].method, all[i].path, "", body ? "{}" : NULL);
        const char *allow = reply_header(&r, "Allow");
        if (r.status != 405 || !allow || strcmp(allow, all[i].allow) != 0)
            fail_msg("%s %s: %d, Allow: %s", all[i].method, all[i].path, r.status, allow ? allow : "(none)");
        reply_deinit(&r);
    }
    bench_end(&b);
}
