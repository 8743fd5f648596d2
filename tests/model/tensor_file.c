#include "tensor_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

struct tensor_file {
    loam_buf header, data;
};

tensor_file *tensor_file_new(void)
{
    tensor_file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    loam_buf_init(&f->header, 16 << 20);
    loam_buf_init(&f->data, 64 << 20);
    loam_buf_char(&f->header, '{');
    return f;
}

static void comma(tensor_file *f)
{
    if (f->header.len > 1)
        loam_buf_char(&f->header, ',');
}

void tensor_file_add(tensor_file *f, const char *name, const char *dtype, const char *shape, const void *bytes,
                     size_t n)
{
    comma(f);
    loam_buf_printf(&f->header, "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", name, dtype, shape,
                    f->data.len, f->data.len + n);
    loam_buf_add(&f->data, bytes, n);
}

void tensor_file_metadata(tensor_file *f, const char *json)
{
    comma(f);
    loam_buf_printf(&f->header, "\"__metadata__\":%s", json);
}

void tensor_file_write(tensor_file *f, const char *path)
{
    loam_buf_char(&f->header, '}');
    while (f->header.len % 8)
        loam_buf_char(&f->header, ' ');
    assert_false(f->header.failed || f->data.failed);
    uint64_t len = f->header.len;
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(&len, 8, 1, out), 1);
    assert_int_equal(fwrite(f->header.data, 1, f->header.len, out), f->header.len);
    assert_int_equal(fwrite(loam_buf_text(&f->data), 1, f->data.len, out), f->data.len);
    assert_int_equal(fclose(out), 0);
    loam_buf_deinit(&f->header);
    loam_buf_deinit(&f->data);
    free(f);
}
