/* Base64: any bytes come back; what reads as base64 reads to the same bytes when it is written anew. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bytes(const void *bytes, size_t n)
{
    loam_err err = LOAM_ERR_INIT;
    loam_buf text, back;
    loam_buf_init(&text, n * 2 + 8);
    loam_buf_init(&back, n + 8);
    if (!loam_base64_encode(bytes, n, &text) || loam_base64_decode(text.data, text.len, &back, &err) != LOAM_OK ||
        back.len != n || (n && memcmp(back.data, bytes, n) != 0))
        abort();
    loam_buf_deinit(&text);
    loam_buf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_buf b;
    loam_buf_init(&b, size + 1);
    check_bytes(data, size);
    if (loam_base64_decode((const char *)data, size, &b, &err) == LOAM_OK)
        check_bytes(b.data, b.len);
    else if (b.len || !err.msg[0])
        abort();
    loam_buf_deinit(&b);
    return 0;
}
