/* Messages as clients send them -> messages as templates expect them. Everything that does not fit is refused with the
 * place named ("messages[2].content"), never guessed at. */
#include <string.h>

#include "service/chat_int.h"

static const char *const roles[][2] = {{"system", "system"},
                                       {"developer", "system"}, /* OpenAI's newer name */
                                       {"user", "user"},
                                       {"assistant", "assistant"},
                                       {"tool", "tool"}};

static const char *kind(const json_t *v)
{
    static const char *const names[] = {"an object", "an array", "a string", "a number",
                                        "a number",  "true",     "false",    "null"};
    return v ? names[json_typeof(v)] : "missing";
}

static loam_status read_role(const json_t *v, size_t i, const char **role, loam_err *err)
{
    if (!json_is_string(v))
        LOAM_FAIL(err, INVALID, "messages[%zu].role is %s; a string is expected", i, kind(v));
    for (size_t r = 0; r < sizeof roles / sizeof *roles; r++)
        if (strcmp(json_string_value(v), roles[r][0]) == 0) {
            *role = roles[r][1];
            return LOAM_OK;
        }
    LOAM_FAIL(err, INVALID, "messages[%zu].role is '%.40s'; known are system, developer, user, assistant and tool", i,
              json_string_value(v));
}

/* OpenAI's array of parts -> one string. */
static loam_status join_parts(const json_t *parts, size_t i, json_t **out, loam_err *err)
{
    loam_buf text;
    loam_status s = LOAM_OK;
    loam_buf_init(&text, SIZE_MAX / 8);
    for (size_t p = 0; p < json_array_size(parts) && s == LOAM_OK; p++) {
        const json_t *part = json_array_get(parts, p), *type = json_object_get(part, "type"),
                     *value = json_object_get(part, "text");
        if (!json_is_object(part) || !json_is_string(type))
            s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                             "messages[%zu].content[%zu] is no object with a type", i, p);
        else if (strcmp(json_string_value(type), "text") != 0)
            s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                             "messages[%zu].content[%zu] has the type '%.40s': this model reads text only", i, p,
                             json_string_value(type));
        else if (!json_is_string(value))
            s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                             "messages[%zu].content[%zu].text is %s; a string is expected", i, p, kind(value));
        else {
            loam_buf_str(&text, p ? "\n" : "");
            loam_buf_add(&text, json_string_value(value), json_string_length(value));
        }
    }
    *out = s == LOAM_OK && !text.failed ? json_stringn(loam_buf_text(&text), text.len) : NULL;
    if (s == LOAM_OK && !*out)
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the messages");
    loam_buf_deinit(&text);
    return s;
}

static loam_status read_content(const json_t *message, size_t i, json_t **out, loam_err *err)
{
    json_t *content = json_object_get(message, "content");
    if (json_is_string(content)) {
        *out = json_incref(content);
        return LOAM_OK;
    }
    if (json_is_array(content))
        return join_parts(content, i, out, err);
    /* An answer that only calls tools has no content; templates test for none. */
    if ((!content || json_is_null(content)) && json_array_size(json_object_get(message, "tool_calls")) > 0) {
        *out = json_null();
        return LOAM_OK;
    }
    LOAM_FAIL(err, INVALID, "messages[%zu].content is %s; a string or an array of text parts is expected", i,
              kind(content));
}

static loam_status read_message(const loam_guard *g, const json_t *v, size_t i, json_t *list, loam_err *err)
{
    const char *role = NULL;
    json_t *content = NULL;
    if (!json_is_object(v))
        LOAM_FAIL(err, INVALID, "messages[%zu] is %s; an object with role and content is expected", i, kind(v));
    LOAM_TRY(read_role(json_object_get(v, "role"), i, &role, err));
    LOAM_TRY(read_content(v, i, &content, err));
    /* A shallow copy, so that name, tool_calls and the like come along; then the two that were read. */
    json_t *plain = json_copy((json_t *)(uintptr_t)v), *guarded = NULL;
    if (plain && json_object_set_new(plain, "content", content) == 0)
        guarded = loam_guard_json(g, plain);
    else if (!plain)
        json_decref(content);
    json_decref(plain);
    if (!guarded || json_object_set_new(guarded, "role", json_string(role)) != 0) {
        json_decref(guarded);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the messages");
    }
    if (json_array_append_new(list, guarded) != 0)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the messages");
    return LOAM_OK;
}

loam_status loam_chat_messages(const loam_guard *g, const json_t *messages, json_t **out, loam_err *err)
{
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        LOAM_FAIL(err, INVALID, "messages is %s; an array of at least one message is expected",
                  json_is_array(messages) ? "empty" : kind(messages));
    json_t *list = json_array();
    loam_status s = LOAM_OK;
    if (!list)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the messages");
    for (size_t i = 0; i < json_array_size(messages) && s == LOAM_OK; i++)
        s = read_message(g, json_array_get(messages, i), i, list, err);
    if (s != LOAM_OK) {
        json_decref(list);
        return s;
    }
    *out = list;
    return LOAM_OK;
}
