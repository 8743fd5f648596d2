/* State that outlives the process: one SQL database, reached by transactions and prepared statements. SQLite today
 * (sqlite.c, the only file that knows it); the calls below are what a second database has to offer. Parameters are
 * written ?1, ?2, … and the statements keep to what SQLite and PostgreSQL share where that costs nothing.
 *
 * Threads: any thread may begin a transaction; it then has the connection for itself until its end (a mutex, of a rank
 * below every lock of the caller). Queries live inside a transaction. */
#ifndef LOAM_STORE_STORE_H
#define LOAM_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct loam_store loam_store;
typedef struct loam_store_query loam_store_query;

/* Opens the database at path, made when absent (readable by its owner only; its folder must exist), and brings its
 * tables up to date. A commit is on the disk when it returns. After a crash the whole file is checked once. Owned by
 * the caller. CORRUPT: damaged, or no database. UNSUPPORTED: written by a newer program. INVALID: another program's.
 * IO: cannot be read or written, disk full. BUSY: locked by another process for long. */
LOAM_CHECK_RESULT loam_status loam_store_open(const char *path, loam_store **out, loam_err *err);
/* NULL is allowed. No transaction may be open. */
void loam_store_close(loam_store *s);

/* READ sees one unchanging state; WRITE also keeps other processes from writing. */
typedef enum loam_store_access { LOAM_STORE_ACCESS_READ, LOAM_STORE_ACCESS_WRITE } loam_store_access;
/* Waits for the connection. On failure nothing is open. */
LOAM_CHECK_RESULT loam_status loam_store_begin(loam_store *s, loam_store_access access, loam_err *err);
/* Commits when status is OK, otherwise undoes everything since begin. Returns status, or why the commit failed (then
 * all is undone as well). Lets the connection go in every case; all queries must be closed by then. */
LOAM_CHECK_RESULT loam_status loam_store_end(loam_store *s, loam_status status, loam_err *err);

/* Prepares one statement; owned by the caller, closed before the transaction ends. */
LOAM_CHECK_RESULT loam_status loam_store_query_open(loam_store *s, const char *sql, loam_store_query **out,
                                                    loam_err *err);
/* NULL is allowed. */
void loam_store_query_close(loam_store_query *q);
/* Set parameter i (from 1); text is copied, NULL binds NULL. A failure is kept and reported by the next step. */
void loam_store_bind_int(loam_store_query *q, int i, int64_t value);
void loam_store_bind_text(loam_store_query *q, int i, const char *text);
/* Fetches the next row; *row is false after the last. */
LOAM_CHECK_RESULT loam_status loam_store_query_step(loam_store_query *q, bool *row, loam_err *err);
/* Runs a statement whose rows nobody wants. */
LOAM_CHECK_RESULT loam_status loam_store_query_run(loam_store_query *q, loam_err *err);
/* Column i (from 0) of the current row: NULL reads as 0 and "". Text is borrowed until the next call on q. */
int64_t loam_store_column_int(loam_store_query *q, int i);
const char *loam_store_column_text(loam_store_query *q, int i);

/* Statements without parameters or rows. */
LOAM_CHECK_RESULT loam_status loam_store_exec(loam_store *s, const char *sql, loam_err *err);

#endif
