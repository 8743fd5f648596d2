/* kernel/dtype.h against golden files made by the reference (tests/golden/make/dequant.py): element by element for
 * blocks of every type, by hashes for all 65536 halves and for f32 values around every rounding boundary. If this
 * fails, models load with wrong weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "kernel/dtype.h"

static uint8_t *golden_read(const char *name, size_t *len)
{
    char path[512], *bytes = NULL;
    loam_err err = LOAM_ERR_INIT;
    snprintf(path, sizeof path, "%s/tests/golden/dequant/%s.bin", LOAM_SOURCE_ROOT, name);
    if (loam_file_read(path, 1 << 20, &bytes, len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return (uint8_t *)bytes;
}

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* A type's numbers in the table, and its golden blocks. The source is given at an odd address. */
static void check_type(loam_dtype t)
{
    char name[16];
    size_t len;
    snprintf(name, sizeof name, "%s", loam_dtype_name(t));
    for (char *c = name; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    uint8_t *golden = golden_read(name, &len);
    uint32_t head[4]; /* ggml number, elements a block, bytes a block, blocks */
    assert_true(len >= sizeof head);
    memcpy(head, golden, sizeof head);
    size_t n = (size_t)head[1] * head[3], n_bytes = (size_t)head[2] * head[3];
    assert_int_equal(len, sizeof head + n_bytes + n * sizeof(float));
    assert_true(n >= 256);

    loam_dtype found = LOAM_DTYPE_COUNT;
    assert_true(loam_dtype_from_ggml(head[0], &found));
    assert_int_equal(found, t);
    assert_int_equal(loam_dtype_block_elems(t), head[1]);
    assert_int_equal(loam_dtype_block_bytes(t), head[2]);
    assert_int_equal(loam_dtype_row_bytes(t, (int64_t)n), n_bytes);

    uint8_t *src = malloc(n_bytes + 1);
    float *got = malloc(n * sizeof *got);
    assert_non_null(src);
    assert_non_null(got);
    memcpy(src + 1, golden + sizeof head, n_bytes);
    loam_dequantize(t, src + 1, got, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        uint32_t want;
        memcpy(&want, golden + sizeof head + n_bytes + i * sizeof want, sizeof want);
        if (bits(got[i]) != want)
            fail_msg("%s block %zu element %zu: got %08x (%g), want %08x", loam_dtype_name(t), i / head[1], i % head[1],
                     bits(got[i]), (double)got[i], want);
    }
    free(got);
    free(src);
    free(golden);
}

static void test_blocks(void **state)
{
    (void)state;
    for (int t = 0; t < LOAM_DTYPE_COUNT; t++)
        if (t != LOAM_DTYPE_I32) /* not a weight type: the reference has no dequantising for it */
            check_type((loam_dtype)t);
}

static void test_i32(void **state)
{
    (void)state;
    int32_t src[3] = {-7, 0, 1 << 20};
    float got[3];
    loam_dequantize(LOAM_DTYPE_I32, src, got, 3);
    for (int i = 0; i < 3; i++)
        assert_true(got[i] == (float)src[i]);
}

/* Numbers that ggml has used or may use for types that Loam does not compute with. */
static void test_unknown_types(void **state)
{
    (void)state;
    static const uint32_t unknown[] = {4, 5, 9, 16, 24, 27, 28, 31, 40, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        loam_dtype t = LOAM_DTYPE_Q4_0;
        assert_false(loam_dtype_from_ggml(unknown[i], &t));
        assert_int_equal(t, LOAM_DTYPE_Q4_0);
    }
}

#define HASH_START 0xcbf29ce484222325u
#define HASH_STEP(h, v) (((h) ^ (uint64_t)(v)) * 0x100000001b3u)

static uint64_t hash_at(const uint8_t *golden, int run, int row)
{
    uint64_t h;
    memcpy(&h, golden + ((size_t)run * 256 + (size_t)row) * sizeof h, sizeof h);
    return h;
}

static void test_half_to_f32(void **state)
{
    (void)state;
    size_t len;
    uint8_t *golden = golden_read("half", &len);
    assert_int_equal(len, 3 * 256 * sizeof(uint64_t));
    for (int row = 0; row < 256; row++) {
        uint64_t h = HASH_START;
        for (int i = 0; i < 256; i++)
            h = HASH_STEP(h, bits(loam_f16_to_f32((uint16_t)(row * 256 + i))));
        if (h != hash_at(golden, 0, row))
            fail_msg("halves %02x00 to %02xff differ from the reference", row, row);
    }
    free(golden);
}

static void test_f32_to_half_and_bf16(void **state)
{
    (void)state;
    static const uint32_t lows[] = {0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x2fff, 0x3000,
                                    0x3001, 0x7000, 0x7fff, 0x8000, 0x8001, 0xb000, 0xffff};
    size_t len;
    uint8_t *golden = golden_read("half", &len);
    assert_int_equal(len, 3 * 256 * sizeof(uint64_t));
    for (int row = 0; row < 256; row++) {
        uint64_t h16 = HASH_START, hb16 = HASH_START;
        for (size_t k = 0; k < sizeof lows / sizeof *lows; k++)
            for (uint32_t i = 0; i < 256; i++) {
                uint32_t u = ((uint32_t)row << 8 | i) << 16 | lows[k];
                float f;
                memcpy(&f, &u, sizeof f);
                h16 = HASH_STEP(h16, loam_f32_to_f16(f));
                hb16 = HASH_STEP(hb16, loam_f32_to_bf16(f));
            }
        if (h16 != hash_at(golden, 1, row))
            fail_msg("f32 %02x000000 and up to half differ from the reference", row);
        if (hb16 != hash_at(golden, 2, row))
            fail_msg("f32 %02x000000 and up to bfloat16 differ from the reference", row);
    }
    free(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_i32),
        cmocka_unit_test(test_unknown_types),
        cmocka_unit_test(test_half_to_f32),
        cmocka_unit_test(test_f32_to_half_and_bf16),
    };
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
