/* What the tests of long jobs share: a job function whose work the request describes, and an observer that reads the
 * database with SQLite's own calls. */
#ifndef LOAM_TESTS_JOBS_TEST_H
#define LOAM_TESTS_JOBS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/jobs.h"

/* fake_run's world. A request is text with numbers after words:
 *   gate G       wait until `gate` is at least G (or the job shall stop)
 *   steps N ms M report N steps of M milliseconds, asking each time whether to stop
 *   results N bytes B   then make N results, B + their number bytes each, contents by `seed`
 *   fail 1       then fail; fail 2: return CANCELLED without being asked
 * The job's seed is noted in `order`. */
typedef struct fake {
    atomic_int gate;
    atomic_int n_runs;
    int order[512];
} fake;
loam_status fake_run(void *ctx, loam_jobs_run *run, const char *kind, const char *request, loam_err *err);
/* The number after a word of a request, or `otherwise`. */
long number_after(const char *request, const char *word, long otherwise);
/* Byte i of result idx: not computed by the code under test. */
unsigned char content(long seed, int idx, size_t i);
size_t content_size(const char *request, int idx);

/* A folder of the test's own and its name; remove works on any tree. */
extern char folder[256];
int folder_make(void **state);
int folder_remove(void **state);
/* Joins folder and the formatted rest; static, valid until the fourth next call. */
const char *in_folder(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The first column of the first row, "" for none; static. */
const char *observe(const char *sql);
/* Calls row with the columns of each row. */
void observe_all(const char *sql, void (*row)(void *arg, char **columns), void *arg);

loam_jobs *open_jobs(fake *f, int max_queued);
/* Submits and checks that it was taken; returns the id in one of many static places. */
const char *submit(loam_jobs *j, const char *kind, const char *owner, int priority, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Waits for the job's end, at most 20 s, and returns its state. error may be NULL. */
loam_jobs_state ending(loam_jobs *j, const char *id, char error[LOAM_ERR_MSG_MAX]);
loam_jobs_state state_of(loam_jobs *j, const char *id);
void wait_until_running(loam_jobs *j, const char *id);

/* What must hold of the folder whenever no program works in it (after_kill: when one was killed: files without a row
 * may be there still). */
void check_invariants(bool after_kill);

extern const struct CMUnitTest crash_tests[];
extern const size_t n_crash_tests;

#define assert_ok(s, err)              \
    do {                               \
        if ((s) != LOAM_OK)            \
            fail_msg("%s", (err).msg); \
    } while (0)
#define assert_says(err, part)                                              \
    do {                                                                    \
        if (!strstr((err).msg, part))                                       \
            fail_msg("the message does not say '%s': %s", part, (err).msg); \
    } while (0)

#endif
