#include "core/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"

/* The bytes of the file: slots, seats of the ungils at work, and, seat by seat, who is hungry. */
enum { SLOTS = 4096, SEATS = 256, FIRST_SEAT = SLOTS, FIRST_HUNGRY = FIRST_SEAT + SEATS };

static const double idle_seconds = 0.3; /* a token that long in the pipe is of no use */
static const double sated_seconds = 5;  /* after one was of no use, before more are asked for */
static const double tell_seconds = 1.5; /* a wait worth a word */

/* ---- The file ---- */

/* A directory that others could write to would let them hold all slots. */
static int make_directory(const char *dir)
{
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail_errno(E_FAILED, "cannot make %s", dir);
    if (lstat(dir, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", dir);
    if (!S_ISDIR(st.st_mode) || !fs_is_own(&st))
        return fail(E_FAILED, "%s is not a directory of this user's own", dir);
    return 0;
}

static bool is_own_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && fs_is_own(&st);
}

/* Not from the environment alone: a build in a session and one of cron's are to meet. One of
 * another user's (sudo keeps it) is left alone. */
static char *directory(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/' && is_own_directory(runtime))
        return path_join(runtime, "ungil");
    autofree char *usual = xasprintf("/run/user/%ld", (long)geteuid());
    if (is_own_directory(usual))
        return path_join(usual, "ungil");
    return xasprintf("/tmp/ungil-%ld", (long)geteuid());
}

static int take_a_seat(struct jobs *j, int fd)
{
    for (j->seat = 0; j->seat < SEATS; j->seat++) {
        int rc = lock_byte(fd, FIRST_SEAT + j->seat);
        if (rc != E_BUSY)
            return rc;
    }
    return fail(E_FAILED, "%d others are at work", SEATS);
}

static int join(struct jobs *j)
{
    autofree char *dir = directory(), *path = path_join(dir, "jobs");
    int rc = make_directory(dir);
    if (rc < 0)
        return rc;
    autofd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot open %s", path);
    rc = take_a_seat(j, fd);
    if (rc < 0)
        return err_context(rc, "%s", path);
    j->fd = fd;
    fd = -1;
    return 0;
}

int jobs_open(struct jobs *j, int jobs)
{
    *j = (struct jobs)JOBS_INIT;
    int rc = jobserver_open(&j->pipe, jobs);
    if (rc < 0)
        return rc;
    j->held = j->target = j->pipe.jobs;
    if (join(j) < 0) {
        detail("%s: other ungils at work are not taken into account", err_message());
        err_clear();
        return 0;
    }
    int cpus = cpu_count() < SLOTS ? cpu_count() : SLOTS;
    j->slots = j->pipe.jobs > cpus ? j->pipe.jobs : cpus;
    j->mine = xcalloc((size_t)j->slots, sizeof *j->mine);
    while (jobserver_take(&j->pipe))
        continue; /* each token comes with a slot */
    j->held = 0;
    j->step = j->slots; /* what proves to be of no use is given back */
    jobs_tick(j);
    return 0;
}

void jobs_close(struct jobs *j)
{
    if (j->fd >= 0)
        close(j->fd);
    free(j->mine);
    jobserver_close(&j->pipe);
    *j = (struct jobs)JOBS_INIT;
}

/* ---- Slots ---- */

/* The last ones first: the first ones are all that others with a smaller --jobs may use. */
static bool take_slot(struct jobs *j)
{
    for (int i = j->slots; i-- > 0;) {
        if (j->mine[i])
            continue;
        if (lock_byte(j->fd, i) == 0) {
            j->mine[i] = true;
            j->held++;
            jobserver_give(&j->pipe);
            return true;
        }
    }
    err_clear(); /* a lock manager that is away for a moment */
    return false;
}

void jobs_return(struct jobs *j)
{
    for (int i = 0; i < j->slots; i++) {
        if (!j->mine[i])
            continue;
        j->mine[i] = false;
        j->held--;
        lock_release_byte(j->fd, i);
        return;
    }
}

static bool give_back(struct jobs *j)
{
    if (!jobserver_take(&j->pipe))
        return false;
    jobs_return(j);
    return true;
}

/* ---- Sharing ---- */

static int others_at_work(const struct jobs *j)
{
    int n = 0;
    if (lock_bytes_taken(j->fd, FIRST_SEAT, SEATS))
        for (int i = 0; i < SEATS; i++)
            n += lock_bytes_taken(j->fd, FIRST_SEAT + i, 1);
    return n;
}

static void set_hungry(struct jobs *j, bool hungry)
{
    if (hungry == j->hungry)
        return;
    if (!hungry)
        lock_release_byte(j->fd, FIRST_HUNGRY + j->seat);
    else if (lock_byte(j->fd, FIRST_HUNGRY + j->seat) < 0)
        err_clear();
    j->hungry = hungry;
}

static void since(double *at, bool so, double now)
{
    if (!so)
        *at = 0;
    else if (*at <= 0)
        *at = now;
}

static void tell(struct jobs *j, double now)
{
    since(&j->empty_since, j->held == 0, now);
    if (j->told || j->held > 0 || now - j->empty_since < tell_seconds)
        return;
    j->told = true;
    note("other ungils build with all %d CPUs; waiting for a share", j->slots);
}

void jobs_tick(struct jobs *j)
{
    if (j->fd < 0)
        return;
    double now = clock_now();
    int share = j->pipe.jobs;
    bool wanted = lock_bytes_taken(j->fd, FIRST_HUNGRY, SEATS);
    if (wanted) {
        int n = 1 + others_at_work(j);
        share = (j->slots + n - 1) / n;
    }
    j->target = share < j->pipe.jobs ? share : j->pipe.jobs;
    while (j->held > j->target && give_back(j))
        continue;
    since(&j->idle_since, jobserver_idle(&j->pipe) > 0, now);
    if (wanted && j->idle_since > 0 && now - j->idle_since > idle_seconds) {
        while (give_back(j))
            continue;
        j->step = 1;
        j->sated_until = now + sated_seconds;
    }
    bool empty = jobserver_idle(&j->pipe) == 0;
    bool need = empty && (j->held == 0 || now >= j->sated_until);
    int most = j->target - j->held < j->step ? j->target - j->held : j->step, took = 0;
    while (need && took < most && take_slot(j))
        took++;
    if (took > 0 && j->step < j->slots)
        j->step *= 2;
    set_hungry(j, need && took == 0 && j->held < j->pipe.jobs);
    tell(j, now);
}

int jobs_over(const struct jobs *j)
{
    return j->held > j->target ? j->held - j->target : 0;
}

int jobs_fd(const struct jobs *j)
{
    return jobs_over(j) > 0 ? j->pipe.rfd : -1;
}
