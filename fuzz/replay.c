/* Runs a fuzz target over the files of the directories given, each in a block of exactly its size, so that the address
 * sanitizer sees a read past the end. Fails when there is nothing to replay. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_map map;
    if (loam_file_map_open(path, &map, &err) != LOAM_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 0;
    }
    uint8_t *copy = malloc(map.size ? map.size : 1);
    if (!copy)
        return 0;
    for (size_t i = 0; i < map.size; i++)
        copy[i] = map.data[i];
    LLVMFuzzerTestOneInput(copy, map.size);
    free(copy);
    loam_file_map_close(&map);
    return 1;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        for (struct dirent *e; dir && (e = readdir(dir));) {
            char path[4096];
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            fprintf(stderr, "%s\n", path); /* the last line before a crash names its input */
            n += replay_file(path);
        }
        if (dir)
            closedir(dir);
    }
    printf("%d inputs replayed\n", n);
    return n > 0 ? 0 : 1;
}
