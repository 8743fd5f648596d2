/* GGUF files that are cut, flipped or lying. The sanitizers watch for reads outside the file; the tests check that the
 * reader says no, and what it says. Files are built here byte by byte from the specification. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/gguf.h"
#include "format_test.h"
#include "gguf_listing.h"

/* ---- a file under construction ---- */

static void u32(loam_buf *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        loam_buf_char(b, (char)(v >> (8 * i)));
}

static void u64(loam_buf *b, uint64_t v)
{
    u32(b, (uint32_t)v);
    u32(b, (uint32_t)(v >> 32));
}

static void str(loam_buf *b, const char *s)
{
    u64(b, strlen(s));
    loam_buf_str(b, s);
}

static loam_buf header(uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    loam_buf_str(&b, "GGUF");
    u32(&b, version);
    u64(&b, n_tensors);
    u64(&b, n_kv);
    return b;
}

static void tensor(loam_buf *b, const char *name, int n_dims, const uint64_t *dims, uint32_t type, uint64_t offset)
{
    str(b, name);
    u32(b, (uint32_t)n_dims);
    for (int i = 0; i < n_dims; i++)
        u64(b, dims[i]);
    u32(b, type);
    u64(b, offset);
}

static void pad(loam_buf *b, size_t align)
{
    while (b->len % align)
        loam_buf_char(b, 0);
}

/* Parses b from a block of exactly its size and frees b. */
static loam_status parse(loam_buf *b, loam_err *err)
{
    char *exact = malloc(b->len ? b->len : 1);
    memcpy(exact, loam_buf_text(b), b->len);
    loam_gguf *g;
    loam_status s = loam_gguf_parse(exact, b->len, &g, err);
    assert_true((s == LOAM_OK) == (g != NULL));
    loam_gguf_close(g);
    free(exact);
    loam_buf_deinit(b);
    return s;
}

static void refused(loam_buf b, loam_status code, const char *message)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(parse(&b, &err), code);
    assert_int_equal(err.code, code);
    assert_says(&err, message);
}

static void accepted(loam_buf b)
{
    loam_err err = LOAM_ERR_INIT;
    if (parse(&b, &err) != LOAM_OK)
        fail_msg("refused: %s", err.msg);
}

/* ---- damage to a sound file ---- */

/* Where the last tensor's data ends: what follows is padding, which may be missing. */
static size_t end_of_data(const loam_gguf *g)
{
    size_t end = 0;
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        end = t->offset + t->bytes > end ? t->offset + t->bytes : end;
    }
    return end;
}

static void every_cut_is_noticed(void **state)
{
    size_t len;
    char *whole = read_root_file("tests/golden/format/small.gguf", &len);
    loam_gguf *g;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_gguf_parse(whole, len, &g, &err), LOAM_OK);
    size_t end = end_of_data(g);
    loam_gguf_close(g);
    assert_true(end > len / 2 && end <= len);
    for (size_t cut = 0; cut <= len; cut++) {
        loam_buf b;
        loam_buf_init(&b, len);
        loam_buf_add(&b, whole, cut);
        loam_status s = parse(&b, &err);
        if (s != (cut >= end ? LOAM_OK : LOAM_STATUS_CORRUPT))
            fail_msg("cut at %zu of %zu (data ends at %zu): %s", cut, len, end, loam_status_name(s));
    }
    free(whole);
}

/* Every bit of the header and the tables means something: flipped, the file is refused or reads differently. */
static void every_flipped_bit_is_noticed(void **state)
{
    size_t len;
    char *bytes = read_root_file("tests/golden/format/small.gguf", &len);
    char *want = read_root_file("tests/golden/format/small.txt", NULL);
    loam_gguf *g;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_gguf_parse(bytes, len, &g, &err), LOAM_OK);
    size_t data_start = loam_gguf_tensor_at(g, 0)->offset, refusals = 0;
    loam_gguf_close(g);
    while (bytes[data_start - 1] == 0) /* padding, and the zeros of the last offset */
        data_start--;
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    for (size_t bit = 0; bit < data_start * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        if (loam_gguf_parse(bytes, len, &g, &err) == LOAM_OK) {
            loam_buf_truncate(&b, 0);
            list_gguf(g, &b);
            if (strcmp(loam_buf_text(&b), want) == 0)
                fail_msg("bit %zu of byte %zu changes nothing", bit % 8, bit / 8);
            loam_gguf_close(g);
        } else {
            refusals++;
        }
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(refusals > data_start); /* of the 8 bits of a byte, lengths and types are mostly refused */
    loam_buf_deinit(&b);
    free(bytes);
    free(want);
}

/* ---- what is not a GGUF file, or not one for us ---- */

static void other_kinds_of_file(void **state)
{
    loam_buf b;
    loam_buf_init(&b, 1024);
    refused(b, LOAM_STATUS_CORRUPT, "the file is empty");
    loam_buf_str(&b, "<!DOCTYPE html>");
    refused(b, LOAM_STATUS_INVALID, "it starts with '<!DO' instead of 'GGUF'");
    loam_buf_init(&b, 1024);
    loam_buf_add(&b, "\x80\x02}q\x01", 5);
    refused(b, LOAM_STATUS_INVALID, "it starts with '\\x80\\x02}q' instead of 'GGUF'");
    loam_buf_init(&b, 1024);
    loam_buf_str(&b, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    refused(b, LOAM_STATUS_INVALID, "Git LFS pointer");
    refused(header(1, 0, 0), LOAM_STATUS_UNSUPPORTED, "GGUF version 1 ");
    refused(header(4, 0, 0), LOAM_STATUS_UNSUPPORTED, "GGUF version 4;");
    refused(header(0, 0, 0), LOAM_STATUS_UNSUPPORTED, "GGUF version 0;");
    refused(header(0x03000000, 0, 0), LOAM_STATUS_UNSUPPORTED, "big endian");
    accepted(header(2, 0, 0));
    accepted(header(3, 0, 0));
}

static void open_names_the_file(void **state)
{
    loam_gguf *g;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_gguf_open(root_path("tests/golden/format/small.txt"), &g, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "small.txt: this is not a GGUF file");
    assert_null(g);
    assert_int_equal(loam_gguf_open(root_path("no/such.gguf"), &g, &err), LOAM_STATUS_NOT_FOUND);
    assert_says(&err, "no/such.gguf");
    assert_null(g);
}

/* ---- lies about numbers: under ASan an allocation of what they claim would end the test ---- */

static const uint64_t huge[] = {1ull << 20, 1ull << 21, 1ull << 40, 1ull << 60, 1ull << 61, 1ull << 63, UINT64_MAX};
enum { N_HUGE = sizeof huge / sizeof *huge };

static void hostile_counts(void **state)
{
    for (int i = 0; i < N_HUGE; i++) {
        refused(header(3, 0, huge[i]), LOAM_STATUS_CORRUPT, "the file claims");
        refused(header(3, huge[i], 0), LOAM_STATUS_CORRUPT, "the file claims");
    }
    for (int i = 0; i < N_HUGE; i++) { /* lengths of keys and strings, counts of arrays of each type */
        loam_buf b = header(3, 0, 1);
        u64(&b, huge[i]);
        loam_buf_str(&b, "key padded to the least length");
        refused(b, LOAM_STATUS_CORRUPT, "a key needs");
        b = header(3, 0, 1);
        str(&b, "k");
        u32(&b, LOAM_GGUF_TYPE_STRING);
        u64(&b, huge[i]);
        refused(b, LOAM_STATUS_CORRUPT, "key 'k': a string needs");
        for (uint32_t t = 0; t < LOAM_GGUF_TYPE_COUNT; t++) {
            b = header(3, 0, 1);
            str(&b, "k");
            u32(&b, LOAM_GGUF_TYPE_ARRAY);
            u32(&b, t);
            u64(&b, huge[i]);
            u64(&b, 0);
            loam_err err = LOAM_ERR_INIT;
            loam_status s = parse(&b, &err);
            assert_true(s == LOAM_STATUS_CORRUPT || s == LOAM_STATUS_UNSUPPORTED);
            assert_says(&err, "key 'k': ");
        }
    }
}

static void a_key_fewer_than_claimed(void **state)
{
    loam_buf b = header(3, 0, 3);
    for (int i = 0; i < 2; i++) {
        str(&b, i ? "b" : "a");
        u32(&b, LOAM_GGUF_TYPE_U64);
        u64(&b, 1);
    }
    refused(b, LOAM_STATUS_CORRUPT, "a key needs 8 bytes at offset 66, the file ends at 66");
}

static void bad_values(void **state)
{
    loam_buf b = header(3, 0, 1);
    str(&b, "k\n");
    u32(&b, 13);
    u64(&b, 0);
    refused(b, LOAM_STATUS_CORRUPT, "key 'k\\x0a': its type is 13");
    b = header(3, 0, 1);
    str(&b, "k");
    u32(&b, LOAM_GGUF_TYPE_ARRAY);
    u32(&b, LOAM_GGUF_TYPE_ARRAY);
    u64(&b, 1);
    refused(b, LOAM_STATUS_UNSUPPORTED, "key 'k': it is an array of arrays");
    b = header(3, 0, 1);
    str(&b, "k");
    u32(&b, LOAM_GGUF_TYPE_ARRAY);
    u32(&b, 99);
    u64(&b, 1);
    refused(b, LOAM_STATUS_CORRUPT, "key 'k': its elements have type 99");
    b = header(3, 0, 1);
    str(&b, "k");
    u32(&b, LOAM_GGUF_TYPE_BOOL);
    loam_buf_char(&b, 2);
    refused(b, LOAM_STATUS_CORRUPT, "the bool 2");
    b = header(3, 0, 2);
    for (int i = 0; i < 2; i++) {
        str(&b, "general.name");
        u32(&b, LOAM_GGUF_TYPE_U8);
        loam_buf_char(&b, 1);
    }
    refused(b, LOAM_STATUS_CORRUPT, "the key 'general.name' appears twice");
    b = header(3, 0, 1); /* a key over the specification's 65535 bytes */
    u64(&b, 65536);
    for (int i = 0; i < 65536; i++)
        loam_buf_char(&b, 'x');
    u32(&b, LOAM_GGUF_TYPE_U32);
    u32(&b, 1);
    refused(b, LOAM_STATUS_CORRUPT, "a key has 65,536 bytes");
}

static void with_alignment(uint32_t type, uint64_t v, loam_status code)
{
    loam_buf b = header(3, 0, 1);
    str(&b, "general.alignment");
    u32(&b, type);
    u32(&b, (uint32_t)v);
    if (type == LOAM_GGUF_TYPE_U64)
        u32(&b, (uint32_t)(v >> 32));
    if (code == LOAM_OK)
        accepted(b);
    else
        refused(b, code, "general.alignment");
}

static void alignments(void **state)
{
    for (uint64_t v = 0; v < 70; v++)
        with_alignment(LOAM_GGUF_TYPE_U32, v, v == 8 || v == 16 || v == 32 || v == 64 ? LOAM_OK : LOAM_STATUS_CORRUPT);
    with_alignment(LOAM_GGUF_TYPE_U32, 1u << 31, LOAM_OK);
    with_alignment(LOAM_GGUF_TYPE_U32, UINT32_MAX, LOAM_STATUS_CORRUPT);
    with_alignment(LOAM_GGUF_TYPE_U64, 32, LOAM_STATUS_CORRUPT);
    with_alignment(LOAM_GGUF_TYPE_I32, 32, LOAM_STATUS_CORRUPT);
}

/* One tensor of the given description before 64 bytes of data. */
static loam_buf one_tensor(int n_dims, const uint64_t *dims, uint32_t type, uint64_t offset)
{
    loam_buf b = header(3, 1, 0);
    tensor(&b, "blk.3.ffn_up.weight", n_dims, dims, type, offset);
    pad(&b, 32);
    for (int i = 0; i < 64; i++)
        loam_buf_char(&b, (char)i);
    return b;
}

static void tensor_shapes(void **state)
{
    enum { F32 = 0, Q8_0 = 8, Q4_K = 12, I8 = 24 };
    uint64_t d16[] = {4, 4}, d34[] = {34}, d32[] = {32}, d64[] = {32, 2}, over[] = {1ull << 32, 1ull << 32},
             over4[] = {1ull << 20, 1ull << 20, 1ull << 20, 1ull << 20}, neg[] = {UINT64_MAX}, zero[] = {4, 0},
             most[] = {INT64_MAX}, five[] = {1, 1, 1, 1, 1};
    accepted(one_tensor(2, d16, F32, 0));
    accepted(one_tensor(1, d32, Q8_0, 0));
    accepted(one_tensor(1, d32, Q8_0, 32 - 32));
    accepted(one_tensor(0, NULL, F32, 32)); /* a scalar */
    refused(one_tensor(2, d16, F32, 32), LOAM_STATUS_CORRUPT,
            "tensor 'blk.3.ffn_up.weight' needs 64 bytes at offset 128, the file ends at 160: the download is "
            "incomplete");
    refused(one_tensor(2, d64, Q8_0, 0), LOAM_STATUS_CORRUPT, "needs 68 bytes at offset 96, the file ends at 160");
    refused(one_tensor(1, d34, Q8_0, 0), LOAM_STATUS_CORRUPT, "rows of 34 elements, Q8_0 needs a multiple of 32");
    refused(one_tensor(1, d64, Q4_K, 0), LOAM_STATUS_CORRUPT, "rows of 32 elements, Q4_K needs a multiple of 256");
    refused(one_tensor(2, over, I8, 0), LOAM_STATUS_CORRUPT, "dimension 1 has 4,294,967,296 elements");
    refused(one_tensor(4, over4, I8, 0), LOAM_STATUS_CORRUPT, "dimension 3");
    refused(one_tensor(1, neg, I8, 0), LOAM_STATUS_CORRUPT, "dimension 0");
    refused(one_tensor(2, zero, F32, 0), LOAM_STATUS_CORRUPT, "dimension 1 has 0 elements");
    refused(one_tensor(1, most, F32, 0), LOAM_STATUS_CORRUPT, "which cannot be"); /* 2^65 bytes */
    refused(one_tensor(1, most, I8, 0), LOAM_STATUS_CORRUPT, "needs 9,223,372,036,854,775,807 bytes");
    refused(one_tensor(5, five, F32, 0), LOAM_STATUS_CORRUPT, "has 5 dimensions");
}

static void tensor_offsets(void **state)
{
    uint64_t d16[] = {16};
    refused(one_tensor(1, d16, 0, 16), LOAM_STATUS_CORRUPT,
            "starts at 16, which is not a multiple of the alignment 32");
    for (uint64_t off = 32; off; off *= 2)
        refused(one_tensor(1, d16, 0, off), LOAM_STATUS_CORRUPT, "needs 64 bytes at offset");
    refused(one_tensor(1, d16, 0, UINT64_MAX - 31), LOAM_STATUS_CORRUPT, "the file ends at 160");
}

/* A type that Loam has never heard of, or that ggml removed, opens (to be listed) with no bytes. */
static void unknown_tensor_types_open(void **state)
{
    uint64_t d[] = {7};
    const uint32_t types[] = {4, 33, 43, UINT32_MAX};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        loam_buf b = one_tensor(1, d, types[i], 64);
        loam_gguf *g;
        loam_err err = LOAM_ERR_INIT;
        assert_int_equal(loam_gguf_parse(b.data, b.len, &g, &err), LOAM_OK);
        assert_int_equal(loam_gguf_tensor_at(g, 0)->ggml_type, types[i]);
        assert_int_equal(loam_gguf_tensor_at(g, 0)->bytes, 0);
        loam_gguf_close(g);
        loam_buf_deinit(&b);
        refused(one_tensor(1, d, types[i], 96), LOAM_STATUS_CORRUPT, "the file ends at 160");
    }
}

static void tensor_names_once(void **state)
{
    uint64_t d[] = {1};
    loam_buf b = header(3, 3, 0);
    tensor(&b, "a", 1, d, 0, 0);
    tensor(&b, "b", 1, d, 0, 32);
    tensor(&b, "a", 1, d, 0, 32);
    pad(&b, 32);
    for (int i = 0; i < 64; i++)
        loam_buf_char(&b, 0);
    refused(b, LOAM_STATUS_CORRUPT, "the tensor 'a' appears twice");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_cut_is_noticed),
    cmocka_unit_test(every_flipped_bit_is_noticed),
    cmocka_unit_test(other_kinds_of_file),
    cmocka_unit_test(open_names_the_file),
    cmocka_unit_test(hostile_counts),
    cmocka_unit_test(a_key_fewer_than_claimed),
    cmocka_unit_test(bad_values),
    cmocka_unit_test(alignments),
    cmocka_unit_test(tensor_shapes),
    cmocka_unit_test(tensor_offsets),
    cmocka_unit_test(unknown_tensor_types_open),
    cmocka_unit_test(tensor_names_once),
};

test_list gguf_damage_tests(void)
{
    return TEST_LIST(tests);
}
