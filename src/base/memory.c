#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number behind `key` at the start of a line of a file ("": the first line), or SIZE_MAX: no such file or line,
 * or no number ("max"). */
static size_t number_in(const char *path, const char *key)
{
    char line[128];
    size_t found = SIZE_MAX, n = strlen(key);
    FILE *f = fopen(path, "r");
    while (f && found == SIZE_MAX && fgets(line, sizeof line, f)) {
        char *end;
        unsigned long long v = strncmp(line, key, n) == 0 ? strtoull(line + n, &end, 10) : 0;
        if (strncmp(line, key, n) == 0 && end != line + n && v < SIZE_MAX)
            found = (size_t)v;
    }
    if (f)
        fclose(f);
    return found;
}

size_t loam_memory_available(void)
{
    size_t kib = number_in("/proc/meminfo", "MemAvailable:");
    size_t have = kib < SIZE_MAX / 1024 ? kib * 1024 : SIZE_MAX;
    size_t limit = number_in("/sys/fs/cgroup/memory.max", ""), used = number_in("/sys/fs/cgroup/memory.current", "");
    if (limit != SIZE_MAX && used != SIZE_MAX) {
        /* pages of files, weights too, give way */
        static const char *const kinds[] = {"inactive_file ", "active_file "};
        for (int i = 0; i < 2; i++) {
            size_t cache = number_in("/sys/fs/cgroup/memory.stat", kinds[i]);
            if (cache != SIZE_MAX)
                used -= cache < used ? cache : used;
        }
        size_t left = limit > used ? limit - used : 0;
        have = left < have ? left : have;
    }
    return have;
}
