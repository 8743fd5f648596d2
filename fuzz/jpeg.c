/* JPEG from a stranger, with what its EXIF says; and any bytes as EXIF, behind a header that leads to them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/jpeg.h"
#include "format/picture_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What EXIF held is text that can be written into EXIF and read again. */
static void check_texts(const loam_picture_texts *texts)
{
    loam_err err = LOAM_ERR_INIT;
    for (size_t i = 0; i < texts->n; i++) {
        int orientation;
        loam_buf b;
        loam_picture_texts again = {0};
        loam_buf_init(&b, 64 << 20);
        if (loam_exif_write(texts->items[i].value, &b, &err) != LOAM_OK ||
            loam_exif_read((const uint8_t *)b.data, b.len, &orientation, &again, &err) != LOAM_OK || again.n != 1)
            abort();
        loam_picture_texts_deinit(&again);
        loam_buf_deinit(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_picture *p;
    int orientation;
    loam_picture_texts texts = {0};
    if (loam_exif_read(data, size, &orientation, &texts, &err) != LOAM_OK || orientation < 1 || orientation > 8)
        abort();
    check_texts(&texts);
    loam_picture_texts_deinit(&texts);
    if (loam_jpeg_read(data, size, &p, &texts, &err) != LOAM_OK && (p || !err.msg[0]))
        abort();
    if (p)
        check_texts(&texts);
    loam_picture_free(p);
    loam_picture_texts_deinit(&texts);
    return 0;
}
