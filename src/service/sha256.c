/* SHA-256 by libsodium, the one file of this room that knows it. */
#include <sodium.h>
#include <stdlib.h>

#include "base/file.h"
#include "service/models_int.h"

struct loam_sha256 {
    crypto_hash_sha256_state state;
};

loam_sha256 *loam_sha256_new(void)
{
    loam_sha256 *h = malloc(sizeof *h);
    if (h)
        crypto_hash_sha256_init(&h->state);
    return h;
}

void loam_sha256_add(loam_sha256 *h, const void *bytes, size_t n)
{
    crypto_hash_sha256_update(&h->state, bytes, n);
}

void loam_sha256_end(loam_sha256 *h, char hex[65])
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&h->state, sum);
    sodium_bin2hex(hex, 65, sum, sizeof sum);
    free(h);
}

loam_status loam_sha256_file(const char *path, loam_progress_fn progress, void *arg, char hex[65], loam_err *err)
{
    enum { STEP = 4 << 20 };
    loam_file_map map;
    LOAM_TRY(loam_file_map_open(path, &map, err));
    loam_sha256 *h = loam_sha256_new();
    if (!h) {
        loam_file_map_close(&map);
        LOAM_FAIL(err, NO_MEMORY, "no memory to check '%s'", path);
    }
    bool go_on = true;
    for (size_t at = 0; at < map.size && go_on; at += STEP) {
        size_t n = map.size - at < STEP ? map.size - at : STEP;
        loam_sha256_add(h, map.data + at, n);
        loam_file_map_release(&map, at, n);
        go_on = !progress || progress(arg, "checking", at + n, map.size);
    }
    loam_sha256_end(h, hex);
    loam_file_map_close(&map);
    if (!go_on)
        LOAM_FAIL(err, CANCELLED, "cancelled");
    return LOAM_OK;
}
