/* PNG from a stranger: what is read has its pixels, and what is written of it reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const loam_picture *p, const loam_picture_texts *texts)
{
    loam_err err = LOAM_ERR_INIT;
    loam_picture *q;
    loam_buf b;
    loam_buf_init(&b, 64 << 20);
    /* names that a file holds need not be ones that may be written */
    if (loam_png_write(p, texts, &b, &err) != LOAM_OK && loam_png_write(p, NULL, &b, &err) != LOAM_OK)
        abort();
    if (loam_png_read(b.data, b.len, &q, NULL, &err) != LOAM_OK || q->width != p->width || q->height != p->height ||
        q->channels != p->channels || memcmp(q->pixels, p->pixels, loam_picture_bytes(p)) != 0)
        abort();
    loam_picture_free(q);
    loam_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_picture *p;
    loam_picture_texts texts = {0};
    if (loam_png_read(data, size, &p, &texts, &err) != LOAM_OK) {
        if (p || !err.msg[0])
            abort();
    } else if (loam_picture_bytes(p) < 1 << 16) {
        check_again(p, &texts);
    }
    loam_picture_free(p);
    loam_picture_texts_deinit(&texts);
    return 0;
}
