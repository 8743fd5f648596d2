/* WebP from a stranger: the picture, and the frames of an animation up to a number of them. */
#include <stdint.h>
#include <stdlib.h>

#include "format/webp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink; /* so that the reads are not optimised away */

static loam_status look(void *ctx, const loam_picture *frame, int ends_ms, loam_err *err)
{
    int *n = ctx;
    for (size_t i = 0; i < loam_picture_bytes(frame); i += 97)
        sink += frame->pixels[i];
    if (++*n == 8)
        LOAM_FAIL(err, BUSY, "enough");
    return LOAM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_picture *p;
    loam_picture_texts texts = {0};
    int n = 0;
    if (loam_webp_read(data, size, &p, &texts, &err) != LOAM_OK && (p || !err.msg[0]))
        abort();
    if (p && loam_picture_bytes(p) < 1 << 20 && loam_webp_read_frames(data, size, look, &n, &err) != LOAM_OK &&
        !err.msg[0])
        abort();
    loam_picture_free(p);
    loam_picture_texts_deinit(&texts);
    return 0;
}
