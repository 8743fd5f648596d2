/* Inside store/: the numbered changes that lead from an empty database to today's tables. */
#ifndef LOAM_STORE_STORE_INT_H
#define LOAM_STORE_STORE_INT_H

#include "store/store.h"

/* One file of migrations/. Number n (from 1) leads from version n-1 to n; a released one is never changed. */
typedef struct loam_store_migration {
    const char *name; /* "0001_jobs.sql" */
    const char *sql;
} loam_store_migration;

/* Written by migrations/embed.py at build time. */
extern const loam_store_migration loam_store_migrations[];
extern const int loam_store_n_migrations;

/* loam_store_open with another list, for tests. */
LOAM_CHECK_RESULT loam_status loam_store_open_migrating(const char *path, const loam_store_migration *migrations,
                                                        int n_migrations, loam_store **out, loam_err *err);

#endif
