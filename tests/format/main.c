/* Tests of src/format. */
#include "format_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

const char *root_path(const char *below)
{
    static char path[4096];
    const char *root = getenv("LOAM_ROOT");
    snprintf(path, sizeof path, "%s/%s", root ? root : LOAM_SOURCE_ROOT, below);
    return path;
}

char *read_root_file(const char *below, size_t *len)
{
    char *text = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_file_read(root_path(below), 16 << 20, &text, len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return text;
}

uint64_t fnv1a(const void *bytes, size_t n)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
    return h;
}

void add_plain(loam_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c > 32 && c < 127 && c != '\\')
            loam_buf_char(b, (char)c);
        else
            loam_buf_printf(b, "\\x%02x", c);
    }
}

void assert_says(const loam_err *err, const char *text)
{
    if (!strstr(err->msg, text))
        fail_msg("the message is \"%s\", it should contain \"%s\"", err->msg, text);
}

int main(void)
{
    test_list lists[] = {generation_text_tests(), gguf_tests(), gguf_damage_tests(), json_tests(), picture_tests(),
                         safetensors_tests(),     show_tests(), video_tests(),       yaml_tests()};
    struct CMUnitTest all[256];
    size_t n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i].n && n < sizeof all / sizeof *all; k++)
            all[n++] = lists[i].tests[k];
    return _cmocka_run_group_tests("format", all, n, NULL, NULL);
}
