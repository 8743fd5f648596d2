/* Any bytes as a chat template: it compiles and renders, or fails with a message, within its limits. A first line of
 * JSON, when there is one, gives the variables. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/chat_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char default_vars[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"hi \\u00e9\"},{\"role\":\"assistant\",\"content\":\"yo\","
    "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1.5,\"b\":[true,null]}}}]}],"
    "\"add_generation_prompt\":true,\"tools\":null,\"bos_token\":\"<s>\",\"n\":7}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *vars;
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    loam_err err = LOAM_ERR_INIT;
    json_t *own = NULL;
    if (!vars && loam_json_parse(default_vars, sizeof default_vars - 1, 4096, &vars, &err) != LOAM_OK)
        abort();
    if (line && text[0] == '{' && text[1] == '"' &&
        loam_json_parse(text, (size_t)(line - text), 65536, &own, &err) == LOAM_OK && json_is_object(own)) {
        size -= (size_t)(line + 1 - text);
        text = line + 1;
    }
    loam_chat_template *t;
    err.msg[0] = 0;
    if (loam_chat_template_new(text, size, &t, &err) == LOAM_OK) {
        loam_buf out;
        loam_buf_init(&out, 16 << 20);
        if (loam_chat_template_render_at(t, own && json_is_object(own) ? own : vars, 1785067200, &out, &err) !=
            LOAM_OK) {
            if (out.len) /* nothing is appended on failure */
                abort();
        }
        loam_buf_deinit(&out);
        loam_chat_template_free(t);
    } else if (!err.msg[0]) {
        abort();
    }
    json_decref(own);
    return 0;
}
