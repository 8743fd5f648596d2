/* Request bodies of both completion routes, and header values, as a stranger may send them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_int.h"
#include "http/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_headers(const char *s)
{
    char key[] = "alpha", other[] = "b";
    char *const keys[] = {key, other};
    loam_http_host_is_local(s);
    loam_http_origin_is_host(s, "localhost");
    loam_http_type_is_json(s);
    loam_http_etag_matches(s, "\"a\"");
    if (loam_http_key_is_known(s, NULL, keys, 2) && !strstr(s, "alpha") && !strchr(s, 'b'))
        abort();
}

static void read_params(const json_t *body, bool chat)
{
    loam_http_params p;
    loam_http_fault fault;
    loam_err err = LOAM_ERR_INIT;
    if (loam_http_params_parse(body, chat, 300, &p, &fault, &err) != LOAM_OK) {
        if (!err.msg[0] || !fault.code)
            abort(); /* a refusal always says why */
        return;
    }
    /* what was let through is in range for the engine */
    if (!(p.job.sampler.temperature >= 0 && p.job.sampler.temperature <= 2) || p.job.max_tokens == 0 ||
        p.job.n_logprobs > 20 || p.job.n_stops > LOAM_JOB_MAX_STOPS)
        abort();
    for (size_t i = 0; i < p.job.sampler.n_bias; i++)
        if (p.job.sampler.bias[i].token < 0 || p.job.sampler.bias[i].token >= 300)
            abort();
    loam_http_params_deinit(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    json_t *body = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    read_headers(text);
    if (loam_json_parse(text, size, 1 << 20, &body, &err) == LOAM_OK && json_is_object(body)) {
        read_params(body, true);
        read_params(body, false);
    }
    json_decref(body);
    free(text);
    return 0;
}
