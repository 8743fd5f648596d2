/* Maps by table: which keys there may be, and what each one's value becomes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fleet/scenario_int.h"

enum { MAX_FIELDS = 64 };

loam_status loam_read_alloc(loam_reader *r, size_t n, size_t bytes, void *out)
{
    size_t size;
    void *p = loam_mul_overflows(n, bytes, &size) ? NULL : loam_arena_alloc(r->arena, size);
    if (!p)
        LOAM_FAIL(r->err, NO_MEMORY, "%s: the scenario is too large: no memory for %zu x %zu bytes", r->name, n, bytes);
    memcpy(out, &p, sizeof p);
    return LOAM_OK;
}

loam_status loam_read_format(loam_reader *r, const char **out, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    *out = loam_arena_strndup(r->arena, text, len);
    if (!*out)
        LOAM_FAIL(r->err, NO_MEMORY, "%s: no memory for a text of the scenario", r->name);
    return LOAM_OK;
}

const loam_yaml_node *loam_read_given(const loam_yaml_node *map, const char *key)
{
    const loam_yaml_node *v = loam_yaml_get(map, key);
    return v && v->kind != LOAM_YAML_NULL ? v : NULL;
}

loam_status loam_read_named(loam_reader *r, const char *key, loam_status failure)
{
    char old[LOAM_ERR_MSG_MAX];
    size_t n = strlen(r->name);
    if (failure == LOAM_OK)
        return failure;
    memcpy(old, r->err->msg, sizeof old);
    if (strncmp(old, r->name, n) || old[n] != ':')
        return failure;
    size_t digits = strspn(old + n + 1, "0123456789"), place = n + 1 + digits;
    if (!digits || strncmp(old + place, ": ", 2))
        return failure;
    return loam_err_set(r->err, failure, r->err->file, r->err->line, "%.*s: %s%s", (int)place, old, key, old + place);
}

static loam_status read_name(loam_reader *r, const loam_yaml_node *v, const char **out)
{
    LOAM_TRY(loam_read_text(r, v, out));
    size_t len = strlen(*out);
    if (!len || len > 100 || strpbrk(*out, "\n\r\t"))
        LOAM_REFUSE(r, v->line, "expected a name of 1 to 100 bytes on one line, this has %zu", len);
    return LOAM_OK;
}

static loam_status read_country(loam_reader *r, const loam_yaml_node *v, const char **out)
{
    LOAM_TRY(loam_read_text(r, v, out));
    const char *s = *out;
    if (strlen(s) != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z')
        LOAM_REFUSE(r, v->line, "expected a country as two capitals (ISO 3166: CN, US, DE), this is '%s'",
                    loam_show_text(s).text);
    return LOAM_OK;
}

static loam_status read_count(loam_reader *r, const loam_yaml_node *v, double min, double max, int *out)
{
    long n;
    LOAM_TRY(loam_yaml_int(r->name, v, (long)min, (long)max, &n, r->err));
    *out = (int)n;
    return LOAM_OK;
}

static loam_status read_bits(loam_reader *r, const loam_yaml_node *v, double *out)
{
    LOAM_TRY(loam_read_number(r, v, 4, 16, out));
    if (*out != 4 && *out != 8 && *out != 16)
        LOAM_REFUSE(r, v->line, "expected 4, 8 or 16 bits, this is %g", *out);
    return LOAM_OK;
}

static loam_status read_value(loam_reader *r, const loam_yaml_node *v, const loam_field *f, void *at)
{
    switch (f->kind) {
    case LOAM_FIELD_HAND:
        return LOAM_OK;
    case LOAM_FIELD_TEXT:
        return loam_read_text(r, v, at);
    case LOAM_FIELD_NAME:
        return read_name(r, v, at);
    case LOAM_FIELD_COUNTRY:
        return read_country(r, v, at);
    case LOAM_FIELD_NUMBER:
        return loam_read_number(r, v, f->min, f->max, at);
    case LOAM_FIELD_COUNT:
        return read_count(r, v, f->min, f->max, at);
    case LOAM_FIELD_BITS:
        return read_bits(r, v, at);
    case LOAM_FIELD_BOOL:
        return loam_yaml_bool(r->name, v, at, r->err);
    case LOAM_FIELD_USD:
        return loam_read_usd(r, v, f->min, f->max, at);
    case LOAM_FIELD_MONTH:
        return loam_read_month(r, v, at);
    case LOAM_FIELD_REGION:
        return loam_read_name(r, v, LOAM_NAME_REGION, at);
    case LOAM_FIELD_CHIP:
        return loam_read_name(r, v, LOAM_NAME_CHIP, at);
    case LOAM_FIELD_REGIONS:
        return loam_read_set(r, v, LOAM_NAME_REGION, at);
    case LOAM_FIELD_ORIGINS:
        return loam_read_set(r, v, LOAM_NAME_ORIGIN, at);
    case LOAM_FIELD_SERVICES:
        return loam_read_set(r, v, LOAM_NAME_SERVICE, at);
    case LOAM_FIELD_TRAININGS:
        return loam_read_set(r, v, LOAM_NAME_TRAINING, at);
    case LOAM_FIELD_CHIPS:
        return loam_read_set(r, v, LOAM_NAME_CHIP, at);
    }
    return LOAM_OK;
}

loam_status loam_read_fields(loam_reader *r, const loam_yaml_node *map, const loam_section *section, void *into)
{
    const char *keys[MAX_FIELDS];
    for (size_t i = 0; i < section->n; i++)
        keys[i] = section->fields[i].key;
    LOAM_TRY(loam_read_named(r, section->name, loam_yaml_known(r->name, map, keys, section->n, r->err)));
    for (size_t i = 0; i < section->n; i++) {
        const loam_field *f = &section->fields[i];
        const loam_yaml_node *v = loam_read_given(map, f->key);
        if (v)
            LOAM_TRY(loam_read_named(r, f->key, read_value(r, v, f, (char *)into + f->at)));
    }
    return LOAM_OK;
}

loam_status loam_read_required(loam_reader *r, const loam_yaml_node *map, const loam_section *section, const char *key)
{
    if (loam_read_given(map, key))
        return LOAM_OK;
    const loam_yaml_node *name = loam_read_given(map, "name");
    if (name && name->kind == LOAM_YAML_TEXT)
        LOAM_REFUSE(r, map->line, "%s '%s' does not say '%s'", section->name, loam_show_text(name->text).text, key);
    LOAM_REFUSE(r, map->line, "%s does not say '%s'", section->name, key);
}

loam_status loam_read_list(loam_reader *r, const loam_yaml_node *root, const char *key, size_t max, size_t item_bytes,
                           loam_read_item read, size_t *n, void **items)
{
    const loam_yaml_node *list = loam_read_given(root, key);
    *n = 0;
    if (list && list->kind != LOAM_YAML_LIST)
        LOAM_REFUSE(r, list->line, "%s: expected a list, each item on a line that begins with '- '", key);
    if (list && list->n > max)
        LOAM_REFUSE(r, list->line, "%s: there are %zu, at most %zu are read", key, list->n, max);
    char *at = NULL;
    LOAM_TRY(loam_read_alloc(r, list ? list->n : 0, item_bytes, &at));
    *items = at;
    for (size_t i = 0; list && i < list->n; i++) {
        LOAM_TRY(read(r, list->items[i], at + i * item_bytes));
        *n = i + 1;
    }
    return LOAM_OK;
}
