/* Arena, buffer and checked sizes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base_test.h"

/* Sizes around block borders: everything aligned, zeroed, apart from each other, and still there at the end. */
static void arena_gives_room_of_its_own(void **state)
{
    enum { N = 400 };
    loam_arena *a = loam_arena_new(0);
    unsigned char *p[N];
    size_t total = 0;
    for (size_t i = 0; i < N; i++) {
        size_t n = i * i % 4099;
        p[i] = loam_arena_alloc(a, n);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(p[i][k], 0);
        memset(p[i], (int)(i % 251) + 1, n);
        total += n;
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i * i % 4099; k++)
            assert_int_equal(p[i][k], i % 251 + 1);
    assert_true(loam_arena_used(a) >= total);
    loam_arena_free(a);
    loam_arena_free(NULL);
}

static void arena_takes_one_large_block(void **state)
{
    loam_arena *a = loam_arena_new(0);
    char *small = loam_arena_alloc(a, 1), *large = loam_arena_alloc(a, 3000000);
    assert_non_null(large);
    large[2999999] = 1;
    *small = 2;
    assert_non_null(loam_arena_alloc(a, 1));
    loam_arena_free(a);
}

static void arena_respects_its_cap(void **state)
{
    loam_arena *a = loam_arena_new(10000);
    size_t got = 0;
    while (loam_arena_alloc(a, 100))
        got += 100;
    assert_true(got >= 5000 && got <= 10000); /* gaps under ASan count too */
    assert_null(loam_arena_alloc(a, 10001));
    assert_null(loam_arena_alloc(a, SIZE_MAX));
    assert_null(loam_arena_alloc(a, SIZE_MAX - 8));
    assert_null(loam_arena_strndup(a, "x", SIZE_MAX));
    loam_arena_reset(a);
    assert_int_equal(loam_arena_used(a), 0);
    assert_non_null(loam_arena_alloc(a, 100)); /* the cap counts anew */
    loam_arena_free(a);
}

static void arena_zeroes_after_reset(void **state)
{
    loam_arena *a = loam_arena_new(0);
    memset(loam_arena_alloc(a, 1000), 0xAA, 1000);
    loam_arena_reset(a);
    const unsigned char *p = loam_arena_alloc(a, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    loam_arena_free(a);
}

static void arena_copies_strings(void **state)
{
    loam_arena *a = loam_arena_new(0);
    assert_string_equal(loam_arena_strndup(a, "hello world", 5), "hello");
    assert_string_equal(loam_arena_strndup(a, NULL, 0), "");
    loam_arena_free(a);
}

static void buf_grows_and_stays_terminated(void **state)
{
    loam_buf b;
    loam_buf_init(&b, 100000);
    assert_string_equal(loam_buf_text(&b), "");
    for (int i = 0; i < 10000; i++) {
        assert_true(loam_buf_char(&b, (char)('a' + i % 26)));
        assert_int_equal(b.len, i + 1);
        assert_int_equal(b.data[b.len], 0);
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    loam_buf_truncate(&b, 3);
    assert_string_equal(b.data, "abc");
    assert_true(loam_buf_printf(&b, "-%s-%05d", "long enough to make the buffer think about its size", 42));
    assert_string_equal(b.data, "abc-long enough to make the buffer think about its size-00042");
    loam_buf_deinit(&b);
    assert_null(b.data);
}

static void buf_refuses_past_its_maximum(void **state)
{
    loam_buf b;
    loam_buf_init(&b, 8);
    assert_true(loam_buf_str(&b, "12345"));
    assert_false(loam_buf_str(&b, "6789"));
    assert_true(b.failed);
    assert_string_equal(b.data, "12345");
    assert_false(loam_buf_char(&b, '6')); /* failed stays, so that no hole appears in the middle */
    assert_string_equal(b.data, "12345");
    loam_buf_deinit(&b);

    loam_buf_init(&b, 8);
    assert_true(loam_buf_str(&b, "12345678")); /* exactly the maximum */
    assert_true(loam_buf_add(&b, NULL, 0));
    assert_false(loam_buf_add(&b, "x", SIZE_MAX));
    loam_buf_deinit(&b);

    loam_buf_init(&b, 8);
    assert_false(loam_buf_printf(&b, "%d", 123456789));
    assert_int_equal(b.len, 0);
    loam_buf_deinit(&b);
}

static void buf_gives_its_bytes_away(void **state)
{
    loam_buf b;
    loam_buf_init(&b, 100);
    char *empty = loam_buf_take(&b);
    assert_string_equal(empty, "");
    free(empty);
    assert_true(loam_buf_add(&b, "a\0b", 3));
    char *bytes = loam_buf_take(&b);
    assert_memory_equal(bytes, "a\0b", 4);
    free(bytes);
    assert_int_equal(b.len, 0);
    assert_null(b.data);
    assert_int_equal(b.max, 100);
    assert_true(loam_buf_str(&b, "again"));
    loam_buf_deinit(&b);
}

static void sizes_that_overflow(void **state)
{
    size_t v;
    assert_false(loam_add_overflows(SIZE_MAX - 1, 1, &v));
    assert_true(v == SIZE_MAX);
    assert_true(loam_add_overflows(SIZE_MAX, 1, &v));
    assert_false(loam_mul_overflows(SIZE_MAX / 3, 3, &v));
    assert_true(v == SIZE_MAX);
    assert_true(loam_mul_overflows(SIZE_MAX / 3 + 1, 3, &v));
    assert_true(loam_mul_overflows((size_t)1 << 32, (size_t)1 << 32, &v));
    assert_int_equal(loam_align_up(0, 32), 0);
    assert_int_equal(loam_align_up(1, 32), 32);
    assert_int_equal(loam_align_up(32, 32), 32);
    assert_int_equal(loam_align_up(33, 32), 64);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(arena_gives_room_of_its_own),  cmocka_unit_test(arena_takes_one_large_block),
    cmocka_unit_test(arena_respects_its_cap),       cmocka_unit_test(arena_zeroes_after_reset),
    cmocka_unit_test(arena_copies_strings),         cmocka_unit_test(buf_grows_and_stays_terminated),
    cmocka_unit_test(buf_refuses_past_its_maximum), cmocka_unit_test(buf_gives_its_bytes_away),
    cmocka_unit_test(sizes_that_overflow),
};

test_list memory_tests(void)
{
    return TEST_LIST(tests);
}
