/* Files: mapped for reading, and written so that a crash or a full disk never leaves a half-written one under its name.
 */
#ifndef LOAM_BASE_FILE_H
#define LOAM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A whole file mapped read-only. data is NULL for an empty file. */
typedef struct loam_file_map {
    const uint8_t *data;
    size_t size;
} loam_file_map;

/* Directories, devices and unreadable files are errors that name the path. */
LOAM_CHECK_RESULT loam_status loam_file_map_open(const char *path, loam_file_map *out, loam_err *err);
void loam_file_map_close(loam_file_map *m);
/* Whether bytes of the map were found missing since it was opened, because somebody made the file shorter; they read as
 * zeros. Any thread may ask. */
bool loam_file_map_damaged(const loam_file_map *m);
/* Tells the system that these bytes of the mapping will not be needed soon (they are read again from the file if they
 * are). */
void loam_file_map_release(const loam_file_map *m, size_t offset, size_t size);

/* A file being written beside its final place: "path.<pid>.part", fsynced and renamed by commit, removed by abort. */
typedef struct loam_file_writer loam_file_writer;
LOAM_CHECK_RESULT loam_status loam_file_writer_open(const char *path, loam_file_writer **out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_file_writer_write(loam_file_writer *w, const void *bytes, size_t n, loam_err *err);
/* Both free w, also on failure. */
LOAM_CHECK_RESULT loam_status loam_file_writer_commit(loam_file_writer *w, loam_err *err);
void loam_file_writer_abort(loam_file_writer *w);

/* Reads a whole file of at most max_bytes; *out is owned by the caller (free) and NUL-terminated. */
LOAM_CHECK_RESULT loam_status loam_file_read(const char *path, size_t max_bytes, char **out, size_t *out_len,
                                             loam_err *err);
/* mkdir -p. */
LOAM_CHECK_RESULT loam_status loam_dir_make(const char *path, loam_err *err);

#endif
