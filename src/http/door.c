/* The checks at the door, as functions of header values alone.
 *
 * A server on loopback without a key is reachable by every page the user has open, in two ways: a page may send a
 * "simple" request across origins (it cannot read the answer, but it costs), and a name that its owner re-points at
 * 127.0.0.1 makes the browser believe that this server is the same origin (DNS rebinding). The first is met by
 * looking at Origin, the second by accepting only names of this machine in Host. */
#include "http/http_int.h"

#include <string.h>
#include <strings.h>

bool loam_http_host_is_local(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) != 0)
            continue;
        if (!host[n])
            return true;
        if (host[n] == ':' && strspn(host + n + 1, "0123456789") == strlen(host + n + 1))
            return true;
    }
    return false;
}

bool loam_http_origin_is_host(const char *origin, const char *host)
{
    const char *sep = strstr(origin, "://");
    return sep && host && *host && strcasecmp(sep + 3, host) == 0;
}

bool loam_http_type_is_json(const char *type)
{
    size_t n = strcspn(type, "; \t");
    return (n == 16 && strncasecmp(type, "application/json", n) == 0) ||
           (n > 17 && strncasecmp(type, "application/", 12) == 0 && strncasecmp(type + n - 5, "+json", 5) == 0);
}

bool loam_http_type_is_form(const char *type)
{
    return strncasecmp(type, "multipart/form-data", 19) == 0 && strchr("; \t", type[19]);
}

/* Looks at every byte that was given, whatever the first difference is. */
static bool equal_in_constant_time(const char *given, size_t n, const char *key)
{
    size_t n_key = strlen(key);
    unsigned char differ = n != n_key;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)given[i] ^ (unsigned char)key[n_key ? i % n_key : 0];
    return !differ;
}

/* The password of "Basic base64(user:password)", which is all that clients of /sdapi/v1 can send; NULL: there is none.
 * password is initialised by the caller. */
static const char *read_basic(const char *authorization, loam_buf *password)
{
    loam_err err = LOAM_ERR_INIT;
    if (!authorization || strncasecmp(authorization, "Basic ", 6) != 0 ||
        loam_base64_decode(authorization + 6, strlen(authorization + 6), password, &err) != LOAM_OK)
        return NULL;
    const char *colon = strchr(loam_buf_text(password), ':');
    return colon ? colon + 1 : NULL;
}

bool loam_http_key_is_known(const char *authorization, const char *x_api_key, char *const *keys, size_t n_keys)
{
    loam_buf password;
    loam_buf_init(&password, 4096);
    const char *given[3] = {NULL, x_api_key, read_basic(authorization, &password)};
    if (authorization && strncasecmp(authorization, "Bearer", 6) == 0 && authorization[6] == ' ')
        given[0] = authorization + 6 + strspn(authorization + 6, " ");
    unsigned known = 0;
    for (int g = 0; g < 3; g++)
        for (size_t i = 0; given[g] && i < n_keys; i++)
            known |= equal_in_constant_time(given[g], strlen(given[g]), keys[i]);
    loam_buf_deinit(&password);
    return known;
}

bool loam_http_etag_matches(const char *s, const char *etag)
{
    size_t n = strlen(etag);
    while (*s) {
        s += strspn(s, " \t,");
        if (*s == '*')
            return true;
        if (strncmp(s, "W/", 2) == 0)
            s += 2;
        size_t len = strcspn(s, ",");
        while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
            len--;
        if (len == n && strncmp(s, etag, n) == 0)
            return true;
        s += strcspn(s, ",");
    }
    return false;
}
