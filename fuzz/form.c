/* Forms of strangers: the first line of the input is the Content-Type, the rest the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - data) : size;
    char *type = malloc(n + 1), *body = malloc(size - n + 1);
    loam_http_form form;
    loam_err err = LOAM_ERR_INIT;
    json_t *o = NULL;
    if (!type || !body)
        abort();
    memcpy(type, data, n);
    type[n] = 0;
    size_t len = line ? size - n - 1 : 0;
    if (len)
        memcpy(body, line + 1, len);
    if (loam_http_form_parse(type, body, len, &form, &err) == LOAM_OK) {
        for (int i = 0; i < form.n; i++) {
            const loam_http_part *p = &form.parts[i];
            if (p->data < body || p->data + p->n > body + len || !p->name[0])
                abort();
        }
        if (loam_http_form_object(&form, &o, &err) != LOAM_OK && !err.msg[0])
            abort();
    } else if (!err.msg[0]) {
        abort();
    }
    json_decref(o);
    free(type);
    free(body);
    return 0;
}
