#include "model/config.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"

struct loam_config {
    json_t *root; /* NULL: empty */
};

loam_status loam_config_open(const loam_weights *w, const char *part, loam_config **out, loam_err *err)
{
    enum { MAX_BYTES = 1 << 20 };
    const char *text = loam_weights_config(w, part);
    loam_config *c = calloc(1, sizeof *c);
    if (!c)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a configuration");
    if (text) {
        loam_status st = loam_json_parse(text, strlen(text), MAX_BYTES, &c->root, err);
        if (st != LOAM_OK) {
            free(c);
            loam_err_prefix(err, "%s: %s/config.json", loam_weights_path(w), part);
            return st;
        }
    }
    *out = c;
    return LOAM_OK;
}

void loam_config_close(loam_config *c)
{
    if (!c)
        return;
    json_decref(c->root);
    free(c);
}

static const json_t *value(const loam_config *c, const char *key)
{
    return c->root && json_is_object(c->root) ? json_object_get(c->root, key) : NULL;
}

bool loam_config_has(const loam_config *c, const char *key)
{
    const json_t *v = value(c, key);
    return v && !json_is_null(v);
}

static double number(const json_t *v, double otherwise)
{
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

int64_t loam_config_i64(const loam_config *c, const char *key, int64_t otherwise)
{
    const json_t *v = value(c, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

double loam_config_f64(const loam_config *c, const char *key, double otherwise)
{
    return number(value(c, key), otherwise);
}

bool loam_config_bool(const loam_config *c, const char *key, bool otherwise)
{
    const json_t *v = value(c, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

const char *loam_config_str(const loam_config *c, const char *key, const char *otherwise)
{
    const json_t *v = value(c, key);
    return json_is_string(v) ? json_string_value(v) : otherwise;
}

int64_t loam_config_item(const loam_config *c, const char *key, int i, int64_t otherwise)
{
    const json_t *v = value(c, key);
    if (json_is_array(v))
        v = json_array_get(v, (size_t)i);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

double loam_config_item_f64(const loam_config *c, const char *key, int i, double otherwise)
{
    const json_t *v = value(c, key);
    return number(json_is_array(v) ? json_array_get(v, (size_t)i) : v, otherwise);
}

int loam_config_count(const loam_config *c, const char *key)
{
    const json_t *v = value(c, key);
    return json_is_array(v) ? (int)json_array_size(v) : 0;
}
