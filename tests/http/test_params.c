#include "http/params.h"
#include "http_test.h"

static loam_http_fault fault;
static loam_err err;

/* The body stays alive through *body: parameters point into it. */
static loam_status parse(const char *text, bool chat, loam_http_params *p, json_t **body)
{
    json_error_t e;
    *body = json_loads(text, 0, &e);
    if (!*body)
        fail_msg("test data: %s in %s", e.text, text);
    err = (loam_err)LOAM_ERR_INIT;
    return loam_http_params_parse(*body, chat, 300, p, &fault, &err);
}

static void expect_fault(const char *text, bool chat, const char *param, const char *code)
{
    loam_http_params p;
    json_t *body;
    if (parse(text, chat, &p, &body) != LOAM_STATUS_INVALID)
        fail_msg("accepted: %s", text);
    if (strcmp(fault.param, param) != 0 || strcmp(fault.code, code) != 0 || !strstr(err.msg, param))
        fail_msg("%s: param '%s' code '%s' message '%s'", text, fault.param, fault.code, err.msg);
    json_decref(body);
}

static void expect_fine(const char *text, bool chat)
{
    loam_http_params p;
    json_t *body;
    if (parse(text, chat, &p, &body) != LOAM_OK)
        fail_msg("%s: %s", text, err.msg);
    loam_http_params_deinit(&p);
    json_decref(body);
}

void test_params_defaults(void **state)
{
    loam_http_params p;
    json_t *body;
    assert_int_equal(parse("{}", true, &p, &body), LOAM_OK);
    assert_int_equal(p.job.max_tokens, -1);
    assert_true(p.random_seed);
    assert_false(p.stream || p.want_logprobs || p.include_usage);
    assert_int_equal(p.job.n_logprobs, 0);
    assert_true(p.job.sampler.top_k == 40 && p.job.sampler.temperature == 0.8f);
    loam_http_params_deinit(&p);
    json_decref(body);
    assert_int_equal(parse("{}", false, &p, &body), LOAM_OK);
    assert_int_equal(p.job.max_tokens, 16);
    loam_http_params_deinit(&p);
    json_decref(body);
}

void test_params_fields(void **state)
{
    loam_http_params p;
    json_t *body;
    assert_int_equal(parse("{\"max_completion_tokens\":7,\"temperature\":0,\"top_p\":0.5,\"top_k\":3,\"min_p\":0.25,"
                           "\"repetition_penalty\":1.5,\"presence_penalty\":-2,\"frequency_penalty\":2,\"seed\":-7,"
                           "\"stop\":[\"a\",\"b\"],\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                           "\"logprobs\":true,\"top_logprobs\":5,\"logit_bias\":{\"17\":-100,\"0\":1.5},\"n\":1,"
                           "\"ignore_eos\":true,\"return_progress\":true,\"repeat_last_n\":-1}",
                           true, &p, &body),
                     LOAM_OK);
    const loam_sampler_params *s = &p.job.sampler;
    assert_int_equal(p.job.max_tokens, 7);
    assert_true(s->temperature == 0 && s->top_p == 0.5f && s->top_k == 3 && s->min_p == 0.25f);
    assert_true(s->repeat_penalty == 1.5f && s->presence_penalty == -2 && s->frequency_penalty == 2);
    assert_true(s->seed == (uint64_t)-7 && !p.random_seed && s->repeat_last_n == -1);
    assert_int_equal(p.job.n_stops, 2);
    assert_string_equal(p.job.stops[1], "b");
    assert_true(p.stream && p.include_usage && p.want_logprobs && p.job.ignore_end && p.return_progress);
    assert_int_equal(p.job.n_logprobs, 5);
    assert_int_equal(s->n_bias, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(s->bias[i].token == 17 ? s->bias[i].bias == -100
                                           : s->bias[i].token == 0 && s->bias[i].bias == 1.5f);
    loam_http_params_deinit(&p);
    json_decref(body);
}

/* OpenAI's clients write null for what was not given. */
void test_params_nulls(void **state)
{
    expect_fine("{\"max_tokens\":null,\"temperature\":null,\"stop\":null,\"tools\":null,\"audio\":null,\"seed\":null,"
                "\"response_format\":null,\"logit_bias\":null,\"stream_options\":null,\"something_new\":null}",
                true);
}

/* What would change the answer and cannot be done must not be ignored. */
void test_params_refused(void **state)
{
    static const struct {
        const char *text, *param, *code;
    } chat[] = {
        {"{\"tools\":[{\"type\":\"function\"}]}", "tools", "unsupported_parameter"},
        {"{\"tool_choice\":\"auto\"}", "tool_choice", "unsupported_parameter"},
        {"{\"functions\":[{}]}", "functions", "unsupported_parameter"},
        {"{\"response_format\":{\"type\":\"json_object\"}}", "response_format", "unsupported_parameter"},
        {"{\"response_format\":\"json\"}", "response_format", "unsupported_parameter"},
        {"{\"modalities\":[\"text\",\"audio\"]}", "modalities", "unsupported_parameter"},
        {"{\"audio\":{\"voice\":\"x\"}}", "audio", "unsupported_parameter"},
        {"{\"prediction\":{}}", "prediction", "unsupported_parameter"},
        {"{\"web_search_options\":{}}", "web_search_options", "unsupported_parameter"},
        {"{\"store\":true}", "store", "unsupported_value"},
        {"{\"n\":2}", "n", "unsupported_value"},
        {"{\"typical_p\":0.5}", "typical_p", "unknown_parameter"},
        {"{\"prompt\":\"x\"}", "prompt", "unknown_parameter"},
        {"{\"echo\":true}", "echo", "unknown_parameter"},
        {"{\"grammar\":\"root ::= x\"}", "grammar", "unsupported_parameter"},
    };
    for (size_t i = 0; i < sizeof chat / sizeof *chat; i++)
        expect_fault(chat[i].text, true, chat[i].param, chat[i].code);
    expect_fault("{\"messages\":[]}", false, "messages", "unknown_parameter");
    expect_fault("{\"suffix\":\"x\"}", false, "suffix", "unsupported_parameter");
    expect_fault("{\"best_of\":3}", false, "best_of", "unsupported_value");
    expect_fault("{\"echo\":true,\"logprobs\":1}", false, "echo", "unsupported_value");
}

void test_params_out_of_range(void **state)
{
    static const struct {
        const char *text, *param, *code;
    } chat[] = {
        {"{\"temperature\":2.1}", "temperature", "invalid_value"},
        {"{\"temperature\":-0.1}", "temperature", "invalid_value"},
        {"{\"temperature\":\"1\"}", "temperature", "invalid_type"},
        {"{\"temperature\":true}", "temperature", "invalid_type"},
        {"{\"top_p\":1.01}", "top_p", "invalid_value"},
        {"{\"top_k\":1.5}", "top_k", "invalid_type"},
        {"{\"top_k\":-2}", "top_k", "invalid_value"},
        {"{\"presence_penalty\":2.5}", "presence_penalty", "invalid_value"},
        {"{\"frequency_penalty\":-2.5}", "frequency_penalty", "invalid_value"},
        {"{\"max_tokens\":0}", "max_tokens", "invalid_value"},
        {"{\"max_tokens\":-2}", "max_tokens", "invalid_value"},
        {"{\"max_tokens\":1e300}", "max_tokens", "invalid_type"},
        {"{\"max_completion_tokens\":99999999999}", "max_completion_tokens", "invalid_value"},
        {"{\"max_tokens\":5,\"max_completion_tokens\":6}", "max_tokens", "invalid_value"},
        {"{\"seed\":\"x\"}", "seed", "invalid_type"},
        {"{\"stop\":\"\"}", "stop", "invalid_value"},
        {"{\"stop\":[\"a\",\"\"]}", "stop", "invalid_value"},
        {"{\"stop\":[1]}", "stop", "invalid_type"},
        {"{\"stop\":{}}", "stop", "invalid_type"},
        {"{\"stream\":\"yes\"}", "stream", "invalid_type"},
        {"{\"stream_options\":[]}", "stream_options", "invalid_type"},
        {"{\"stream_options\":{\"include_usage\":1}}", "stream_options", "invalid_type"},
        {"{\"stream_options\":{\"x\":1}}", "stream_options", "unknown_parameter"},
        {"{\"top_logprobs\":3}", "top_logprobs", "invalid_value"},
        {"{\"logprobs\":true,\"top_logprobs\":21}", "top_logprobs", "invalid_value"},
        {"{\"logprobs\":3}", "logprobs", "invalid_type"},
        {"{\"logit_bias\":{\"300\":1}}", "logit_bias", "invalid_value"},
        {"{\"logit_bias\":{\"-1\":1}}", "logit_bias", "invalid_value"},
        {"{\"logit_bias\":{\"1x\":1}}", "logit_bias", "invalid_value"},
        {"{\"logit_bias\":{\"\":1}}", "logit_bias", "invalid_value"},
        {"{\"logit_bias\":{\"99999999999999999999\":1}}", "logit_bias", "invalid_value"},
        {"{\"logit_bias\":{\"1\":101}}", "logit_bias", "invalid_value"},
        {"{\"logit_bias\":{\"1\":\"x\"}}", "logit_bias", "invalid_type"},
        {"{\"logit_bias\":[]}", "logit_bias", "invalid_type"},
    };
    for (size_t i = 0; i < sizeof chat / sizeof *chat; i++)
        expect_fault(chat[i].text, true, chat[i].param, chat[i].code);
}

void test_params_limits(void **state)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    loam_buf_str(&b, "{\"stop\":[");
    for (int i = 0; i < LOAM_JOB_MAX_STOPS + 1; i++)
        loam_buf_printf(&b, "%s\"s%d\"", i ? "," : "", i);
    loam_buf_str(&b, "]}");
    expect_fault(loam_buf_text(&b), true, "stop", "invalid_value");
    loam_buf_truncate(&b, 0);
    loam_buf_str(&b, "{\"");
    for (int i = 0; i < 1000; i++)
        loam_buf_str(&b, "long");
    loam_buf_str(&b, "\":1}");
    loam_http_params p;
    json_t *body;
    assert_int_equal(parse(loam_buf_text(&b), true, &p, &body), LOAM_STATUS_INVALID);
    json_decref(body);
    loam_buf_deinit(&b);
    expect_fine(
        "{\"temperature\":2,\"top_p\":1,\"max_tokens\":-1,\"seed\":9223372036854775807,\"max_completion_tokens\":-1}",
        true);
    expect_fine("{\"max_tokens\":16.0,\"top_k\":-1}", true);
}

void test_params_harmless(void **state)
{
    expect_fine("{\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"store\":false,\"service_tier\":\"auto\","
                "\"parallel_tool_calls\":true,\"reasoning_effort\":\"low\",\"tools\":[],\"tool_choice\":\"none\","
                "\"response_format\":{\"type\":\"text\"},\"modalities\":[\"text\"],\"model\":\"x\",\"messages\":[]}",
                true);
    expect_fine("{\"suffix\":\"\",\"best_of\":1,\"n\":1,\"user\":\"u\",\"echo\":true,\"logprobs\":null}", false);
}
