/* safetensors: what Loam reads and refuses equals what the safetensors package reads and refuses. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "format_test.h"

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const loam_safetensors_tensor *const *)a)->name,
                  (*(const loam_safetensors_tensor *const *)b)->name);
}

static void list(const loam_safetensors *st, loam_buf *b)
{
    const loam_safetensors_tensor *sorted[64];
    size_t n = loam_safetensors_n_tensors(st);
    assert_true(n <= 64);
    for (size_t i = 0; i < loam_safetensors_n_metadata(st); i++) {
        const loam_safetensors_entry *e = loam_safetensors_metadata_at(st, i);
        loam_buf_str(b, "metadata ");
        add_plain(b, e->key, strlen(e->key));
        loam_buf_char(b, ' ');
        add_plain(b, e->value, strlen(e->value));
        loam_buf_char(b, '\n');
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = loam_safetensors_tensor_at(st, i);
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) {
        const loam_safetensors_tensor *t = sorted[i];
        loam_buf_str(b, "tensor ");
        add_plain(b, t->name, strlen(t->name));
        loam_buf_printf(b, " %s ", loam_safetensors_dtype_name(t->dtype));
        for (int k = 0; k < t->n_dims; k++)
            loam_buf_printf(b, "%s%" PRId64, k ? "x" : "", t->shape[k]);
        loam_buf_printf(b, " fnv %016" PRIx64 "\n", fnv1a(t->data, t->bytes));
    }
}

static void whole_file_as_the_reference(void **state)
{
    char *want = read_root_file("tests/golden/format/safetensors.txt", NULL);
    loam_safetensors *st = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_safetensors_open(root_path("tests/golden/format/small.safetensors"), &st, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    loam_buf b;
    loam_buf_init(&b, 1 << 16);
    list(st, &b);
    assert_string_equal(loam_buf_text(&b), want);
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        assert_ptr_equal(loam_safetensors_find(st, t->name), t);
        assert_ptr_equal(loam_safetensors_map(st)->data + t->offset, t->data);
    }
    assert_null(loam_safetensors_find(st, "w"));
    assert_null(loam_safetensors_find(st, "w.c"));
    assert_string_equal(loam_safetensors_find_metadata(st, "format"), "np");
    assert_null(loam_safetensors_find_metadata(st, "forma"));
    loam_buf_deinit(&b);
    loam_safetensors_close(st);
    free(want);
}

static void same_verdicts_as_the_reference(void **state)
{
    size_t len, pos = 0;
    int accepted = 0, refused = 0;
    char *cases = read_root_file("tests/golden/format/safetensors.cases", &len);
    while (pos < len) {
        char name[256] = {0};
        size_t name_len = (unsigned char)cases[pos++];
        memcpy(name, cases + pos, name_len);
        pos += name_len;
        bool want = cases[pos++];
        uint32_t bytes;
        memcpy(&bytes, cases + pos, sizeof bytes);
        pos += sizeof bytes;
        char *exact = malloc(bytes + 1u);
        memcpy(exact, cases + pos, bytes);
        exact = realloc(exact, bytes ? bytes : 1);
        pos += bytes;
        loam_safetensors *st;
        loam_err err = LOAM_ERR_INIT;
        bool got = loam_safetensors_parse(exact, bytes, &st, &err) == LOAM_OK;
        if (got != want)
            fail_msg("'%s': the reference %s it, Loam does not (%s)", name, want ? "takes" : "refuses", err.msg);
        got ? accepted++ : refused++;
        loam_safetensors_close(st);
        free(exact);
    }
    free(cases);
    assert_true(accepted >= 25 && refused >= 40);
}

static void parse_text(const char *header, const char *data, loam_status code, const char *message)
{
    loam_buf b;
    loam_buf_init(&b, 10000);
    for (int i = 0; i < 8; i++)
        loam_buf_char(&b, (char)(strlen(header) >> (8 * i)));
    loam_buf_str(&b, header);
    loam_buf_str(&b, data);
    loam_safetensors *st;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_safetensors_parse(b.data, b.len, &st, &err), code);
    assert_says(&err, message);
    loam_safetensors_close(st);
    loam_buf_deinit(&b);
}

/* Where Loam is stricter than the reference on purpose, and what it says. */
static void stricter_and_messages(void **state)
{
#define ONE "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"
    parse_text("{\"a\":" ONE ",\"a\":" ONE "}", "1234", LOAM_STATUS_INVALID, "duplicate object key");
    parse_text("{\"a\\u0000\":" ONE "}", "1234", LOAM_STATUS_INVALID, "the safetensors header: invalid JSON");
    parse_text("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,4],\"data_offsets\":[0,4]}}", "1234",
               LOAM_STATUS_UNSUPPORTED, "tensor 'a' has 7 dimensions, Loam reads up to 6");
    parse_text("{\"a\\n\":" ONE "}", "123", LOAM_STATUS_CORRUPT,
               "tensor 'a\\x0a' needs 4 bytes at offset 0 of the data, which has only 3: the download is incomplete");
    parse_text("{\"a\":" ONE "}", "12345", LOAM_STATUS_CORRUPT,
               "the tensors take 4 bytes, the file has 5 bytes of data");
#undef ONE
}

static void every_cut_is_noticed(void **state)
{
    size_t len;
    char *whole = read_root_file("tests/golden/format/small.safetensors", &len);
    for (size_t cut = 0; cut < len; cut++) {
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, whole, cut);
        loam_safetensors *st;
        loam_err err = LOAM_ERR_INIT;
        if (loam_safetensors_parse(exact, cut, &st, &err) != LOAM_STATUS_CORRUPT)
            fail_msg("cut at %zu: not noticed", cut);
        assert_null(st);
        free(exact);
    }
    free(whole);
}

static void dtype_table(void **state)
{
    assert_string_equal(loam_safetensors_dtype_name(LOAM_SAFETENSORS_DTYPE_F8_E4M3), "F8_E4M3");
    assert_int_equal(loam_safetensors_dtype_bits(LOAM_SAFETENSORS_DTYPE_F4), 4);
    assert_string_equal(loam_safetensors_dtype_name(LOAM_SAFETENSORS_DTYPE_COUNT), "unknown");
    assert_int_equal(loam_safetensors_dtype_bits(LOAM_SAFETENSORS_DTYPE_COUNT), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(whole_file_as_the_reference),
    cmocka_unit_test(same_verdicts_as_the_reference),
    cmocka_unit_test(stricter_and_messages),
    cmocka_unit_test(every_cut_is_noticed),
    cmocka_unit_test(dtype_table),
};

test_list safetensors_tests(void)
{
    return TEST_LIST(tests);
}
