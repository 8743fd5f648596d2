#include "http/http_int.h"
#include "http_test.h"

/* A name that is not this machine's would let a web page of that name read answers (DNS rebinding). */
void test_door_host(void **state)
{
    static const char *const yes[] = {"localhost",   "LocalHost:8080", "127.0.0.1",
                                      "127.0.0.1:1", "[::1]",          "[::1]:65535"};
    static const char *const no[] = {
        "",          "evil.com", "localhost.evil.com",    "127.0.0.1.evil.com", "127.0.0.1:80.evil.com",
        "::1",       "[::1",     "localhost:80@evil.com", "127.0.0.2",          "evil.com:127.0.0.1",
        " localhost"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!loam_http_host_is_local(yes[i]))
            fail_msg("'%s' was refused", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (loam_http_host_is_local(no[i]))
            fail_msg("'%s' was taken for this machine", no[i]);
}

void test_door_origin(void **state)
{
    assert_true(loam_http_origin_is_host("http://localhost:8080", "localhost:8080"));
    assert_true(loam_http_origin_is_host("https://LOAM.example", "loam.example"));
    assert_false(loam_http_origin_is_host("http://localhost:3000", "localhost:8080"));
    assert_false(loam_http_origin_is_host("null", "localhost"));
    assert_false(loam_http_origin_is_host("http://localhost", NULL));
    assert_false(loam_http_origin_is_host("http://", ""));
}

void test_door_type(void **state)
{
    static const char *const yes[] = {"application/json", "APPLICATION/JSON", "application/json; charset=utf-8",
                                      "application/json;charset=utf-8", "application/problem+json"};
    static const char *const no[] = {"",
                                     "text/plain",
                                     "application/jsonx",
                                     "application/x-www-form-urlencoded",
                                     "json",
                                     "multipart/form-data; boundary=application/json",
                                     "application/+json"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!loam_http_type_is_json(yes[i]))
            fail_msg("'%s' was refused", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (loam_http_type_is_json(no[i]))
            fail_msg("'%s' was taken for JSON", no[i]);
}

void test_door_key(void **state)
{
    char one[] = "alpha", two[] = "beta-beta";
    char *const keys[] = {one, two};
    assert_true(loam_http_key_is_known("Bearer alpha", NULL, keys, 2));
    assert_true(loam_http_key_is_known("bearer  beta-beta", NULL, keys, 2));
    assert_true(loam_http_key_is_known(NULL, "alpha", keys, 2));
    assert_true(loam_http_key_is_known("Bearer wrong", "alpha", keys, 2));
    static const char *const no[] = {"Bearer ",     "Bearer", "Bearer alph",       "Bearer alphaa", "Bearer alpha ",
                                     "Basic alpha", "alpha",  "Bearer alphaalpha", "Bearer beta-",  ""};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (loam_http_key_is_known(no[i], NULL, keys, 2))
            fail_msg("'%s' opened the door", no[i]);
    assert_false(loam_http_key_is_known(NULL, "", keys, 2));
    assert_false(loam_http_key_is_known(NULL, NULL, keys, 2));
}

void test_door_etag(void **state)
{
    assert_true(loam_http_etag_matches("\"a\"", "\"a\""));
    assert_true(loam_http_etag_matches("\"b\", \"a\"", "\"a\""));
    assert_true(loam_http_etag_matches("W/\"a\" ,\"c\"", "\"a\""));
    assert_true(loam_http_etag_matches("*", "\"a\""));
    assert_false(loam_http_etag_matches("", "\"a\""));
    assert_false(loam_http_etag_matches("\"aa\"", "\"a\""));
    assert_false(loam_http_etag_matches("a", "\"a\""));
}
