/* Forms: what browsers and OpenAI's clients send, and what nobody should. */
#include "http/form.h"
#include "http_test.h"

#define TYPE "multipart/form-data; boundary=XYZ"
#define PART(name, text) "--XYZ\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" text "\r\n"
#define END "--XYZ--\r\n"

static loam_status parse(const char *type, const char *body, loam_http_form *form, loam_err *err)
{
    return loam_http_form_parse(type, body, strlen(body), form, err);
}

void test_form_parts(void **state)
{
    static const char body[] =
        PART("prompt", "a red\r\n--XY apple") "--XYZ\r\nContent-Type: image/png\r\nContent-Disposition: form-data; "
                                              "name=\"image\"; filename=\"a;b.png\"\r\n"
                                              "\r\n\x89PNG\0\r\n\x1a\r\n" PART("n", "2") PART("empty", "") END;
    loam_http_form f;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_http_form_parse(TYPE, body, sizeof body - 1, &f, &err), LOAM_OK);
    assert_int_equal(f.n, 4);
    assert_string_equal(f.parts[0].name, "prompt");
    assert_false(f.parts[0].file);
    assert_int_equal(f.parts[0].n, strlen("a red\r\n--XY apple"));
    assert_memory_equal(f.parts[0].data, "a red\r\n--XY apple", f.parts[0].n);
    assert_true(f.parts[1].file);
    assert_int_equal(f.parts[1].n, 8);
    assert_memory_equal(f.parts[1].data, "\x89PNG\0\r\n\x1a", 8);
    assert_int_equal(f.parts[3].n, 0);
    json_t *o;
    assert_int_equal(loam_http_form_object(&f, &o, &err), LOAM_OK);
    assert_int_equal(json_integer_value(json_object_get(o, "n")), 2);
    assert_string_equal(json_string_value(json_object_get(o, "empty")), "");
    assert_null(json_object_get(o, "image"));
    json_decref(o);
}

void test_form_shapes(void **state)
{
    static const char *const types[] = {TYPE, "multipart/form-data; charset=utf-8; boundary=\"XYZ\"",
                                        "Multipart/Form-Data;BOUNDARY=XYZ ; x=y"};
    loam_http_form f;
    loam_err err = LOAM_ERR_INIT;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parse(types[i], "preamble\r\n" PART("a", "b") END "epilogue", &f, &err), LOAM_OK);
        assert_int_equal(f.n, 1);
    }
    assert_int_equal(parse(TYPE, END, &f, &err), LOAM_OK);
    assert_int_equal(f.n, 0);
    json_t *o;
    assert_int_equal(parse(TYPE, PART("loras[]", "x") PART("loras[]", "y:0.5") PART("stream", "true") END, &f, &err),
                     LOAM_OK);
    assert_int_equal(loam_http_form_object(&f, &o, &err), LOAM_OK);
    assert_string_equal(json_text_at(o, "loras.1"), "y:0.5");
    assert_true(json_is_true(json_object_get(o, "stream")));
    json_decref(o);
}

void test_form_refused(void **state)
{
    static const struct {
        const char *type, *body;
    } all[] = {
        {"multipart/form-data", PART("a", "b") END},
        {"multipart/form-data; boundary=", PART("a", "b") END},
        {"multipart/form-data; boundary=ABC", PART("a", "b") END},
        {TYPE, ""},
        {TYPE, "--XYZ"},
        {TYPE, "--XYZ\r\n"},
        {TYPE, PART("a", "b")},
        {TYPE, PART("a", "b") "--XYZ"},
        {TYPE, "--XYZ\r\nContent-Type: text/plain\r\n\r\nx\r\n" END},
        {TYPE, "--XYZ\r\nContent-Disposition: form-data\r\n\r\nx\r\n" END},
        {TYPE, "--XYZ\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n" END},
        {TYPE, "--XYZ\r\nContent-Disposition: form-data; name=\"a\r\n" END},
    };
    loam_http_form f;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        loam_err err = LOAM_ERR_INIT;
        if (parse(all[i].type, all[i].body, &f, &err) != LOAM_STATUS_INVALID || !err.msg[0])
            fail_msg("form %zu was taken", i);
    }
    json_t *o = NULL;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(parse(TYPE, PART("a", "b") PART("a", "c") END, &f, &err), LOAM_OK);
    assert_int_equal(loam_http_form_object(&f, &o, &err), LOAM_STATUS_INVALID);
    assert_int_equal(parse(TYPE, PART("a", "\xff\xfe") END, &f, &err), LOAM_OK);
    assert_int_equal(loam_http_form_object(&f, &o, &err), LOAM_STATUS_INVALID);
    assert_null(o);
}
