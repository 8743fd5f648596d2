#define _GNU_SOURCE
#include "tool.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format_test.h"

static char folder[64];

bool tool_exists(const char *name)
{
    char command[256];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0;
}

char *tool_output(size_t *n, const char *fmt, ...)
{
    char *command;
    loam_buf out;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&command, fmt, ap) < 0)
        fail_msg("no memory");
    va_end(ap);
    FILE *f = popen(command, "r");
    if (!f)
        fail_msg("cannot run: %s", command);
    char block[4096];
    loam_buf_init(&out, 64 << 20);
    for (size_t k; (k = fread(block, 1, sizeof block, f)) > 0;)
        loam_buf_add(&out, block, k);
    int status = pclose(f);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: exit status %d, output: %s", command, status, loam_buf_text(&out));
    free(command);
    if (n)
        *n = out.len;
    return loam_buf_take(&out);
}

const char *tool_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/loam-format-XXXXXX");
        if (!mkdtemp(folder))
            fail_msg("cannot make a folder below /tmp");
    }
    return folder;
}

const char *tool_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", tool_folder(), name);
    return path;
}

void tool_folder_remove(void)
{
    DIR *dir = folder[0] ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            unlink(tool_path(e->d_name));
    if (dir)
        closedir(dir);
    if (folder[0])
        rmdir(folder);
    folder[0] = 0;
}
