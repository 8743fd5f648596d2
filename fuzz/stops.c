/* Any bytes, cut anywhere, with any stop strings: the text must not depend on the cuts. Input: the length of the stop
 * strings' part, that part (strings end at NUL), then the bytes of an answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/stops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const char *const *stops, int n, const char *bytes, size_t len, size_t step, loam_buf *out)
{
    loam_stops *s = loam_stops_new(stops, n);
    loam_buf_init(out, 1 << 20);
    for (size_t at = 0; at < len; at += step)
        loam_stops_push(s, bytes + at, len - at < step ? len - at : step, out);
    loam_stops_end(s, out);
    if (loam_stops_found(s) && !strlen(loam_stops_found(s)))
        abort();
    loam_stops_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t n_head = data[0] < size - 1 ? data[0] : size - 1;
    char *head = calloc(n_head + 1, 1);
    memcpy(head, data + 1, n_head);
    const char *stops[16];
    int n = 0;
    for (size_t at = 0; at < n_head && n < 16; at += strlen(head + at) + 1)
        if (head[at])
            stops[n++] = head + at;
    const char *bytes = (const char *)data + 1 + n_head;
    size_t len = size - 1 - n_head;
    loam_buf whole, other;
    run(stops, n, bytes, len, len + 1, &whole);
    for (size_t step = 1; step <= 3; step++) {
        run(stops, n, bytes, len, step, &other);
        if (other.len != whole.len || memcmp(loam_buf_text(&other), loam_buf_text(&whole), whole.len) != 0)
            abort();
        loam_buf_deinit(&other);
    }
    loam_buf_deinit(&whole);
    free(head);
    return 0;
}
