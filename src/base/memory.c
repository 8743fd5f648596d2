#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The number in a file of one line, or SIZE_MAX ("max", no such file). */
static size_t number_in(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned long long v;
    bool found = f && fscanf(f, "%llu", &v) == 1;
    if (f)
        fclose(f);
    return found && v < SIZE_MAX ? (size_t)v : SIZE_MAX;
}

size_t loam_memory_available(void)
{
    char line[128];
    size_t have = SIZE_MAX;
    unsigned long long kib;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            have = (size_t)kib * 1024;
    if (f)
        fclose(f);
    size_t cache = 0; /* pages of files, weights too, give way */
    f = fopen("/sys/fs/cgroup/memory.stat", "r");
    unsigned long long v;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "inactive_file %llu", &v) == 1 || sscanf(line, "active_file %llu", &v) == 1)
            cache += (size_t)v;
    if (f)
        fclose(f);
    size_t limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
    if (limit != SIZE_MAX && used != SIZE_MAX) {
        used -= cache < used ? cache : used;
        size_t left = limit > used ? limit - used : 0;
        have = left < have ? left : have;
    }
    return have;
}
