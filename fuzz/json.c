/* JSON from a stranger: what parses, formats; what was formatted parses to an equal value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes become one JSON string that parses. */
static void check_str(const char *s, size_t n)
{
    loam_buf b;
    loam_err err = LOAM_ERR_INIT;
    json_t *v;
    loam_buf_init(&b, n * 6 + 2);
    if (!loam_json_format_str(s, n, &b))
        abort();
    bool has_nul = memchr(s, 0, n) != NULL; /* jansson refuses \u0000 */
    if ((loam_json_parse(b.data, b.len, b.len, &v, &err) == LOAM_OK) == has_nul)
        abort();
    json_decref(v);
    loam_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    json_t *v, *again;
    if (size)
        check_str((const char *)data, size);
    if (loam_json_parse((const char *)data, size, 1 << 20, &v, &err) != LOAM_OK) {
        if (v || !err.msg[0])
            abort();
        return 0;
    }
    loam_buf b;
    loam_buf_init(&b, size * 8 + 64);
    if (!loam_json_format(v, &b) || loam_json_parse(b.data, b.len, b.len, &again, &err) != LOAM_OK ||
        !json_equal(v, again))
        abort();
    json_decref(again);
    json_decref(v);
    loam_buf_deinit(&b);
    return 0;
}
