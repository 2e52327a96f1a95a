/* One token for each job, never one more, and GNU make takes its share of them. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/jobs.h"
#include "io/make.h"
#include "scratch.h"
#include "tap.h"

static int tokens_in(struct jobserver *j)
{
    int n = 0;
    while (jobserver_take(j))
        n++;
    for (int i = 0; i < n; i++)
        jobserver_give(j);
    return n;
}

static void counting(void)
{
    struct jobserver j = JOBSERVER_INIT;
    is_int(jobserver_open(&j, 3), 0, "a jobserver for three jobs");
    is_int(tokens_in(&j), 3, "has three tokens");
    ok(jobserver_take(&j) && jobserver_take(&j) && jobserver_take(&j), "all three are to be had");
    ok(!jobserver_take(&j), "a fourth is not, and nobody waits for it");
    jobserver_give(&j);
    is_int(tokens_in(&j), 1, "what is given back is there again");
    ok(fcntl(j.rfd, F_GETFD) & FD_CLOEXEC && fcntl(j.wfd, F_GETFD) & FD_CLOEXEC,
       "no child gets the pipe by accident");
    char *flags = jobserver_makeflags(&j, 3, 4);
    is_str(flags, " -j3 --jobserver-auth=3,4", "MAKEFLAGS");
    free(flags);
    jobserver_close(&j);
    is_int(j.rfd, -1, "closed");
    jobserver_close(&j);
    is_int(jobserver_open(&j, 0), 0, "no job at all");
    is_int(tokens_in(&j), 1, "becomes one");
    jobserver_close(&j);
}

/* Each of eight targets writes how many run beside it; `most` is the highest of these numbers. */
static const char makefile[] =
    "all: 1 2 3 4 5 6 7 8\n"
    "1 2 3 4 5 6 7 8:\n"
    "\t@mkdir run.$@; ls -d run.* | wc -l >>most; sleep 0.1; rmdir run.$@\n";

static int most_at_once(struct jobserver *j, const char *dir, char **output)
{
    autostrv argv = {0}, env = {0};
    strv_split(&argv, "make -C");
    strv_add(&argv, dir);
    proc_clean_environment(&env);
    autofree char *flags = jobserver_makeflags(j, 3, 4);
    env_set(&env, "MAKEFLAGS", flags);
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = &env;
    o.pass[0][0] = j->rfd, o.pass[0][1] = 3;
    o.pass[1][0] = j->wfd, o.pass[1][1] = 4;
    int status = -1;
    if (proc_capture(&argv, &o, 30, 1 << 16, output, &status) < 0 || !proc_ok(status))
        return -1;
    autofree char *most = xasprintf("%s/most", dir), *text = NULL;
    if (fs_read_text(most, &text) < 0)
        return -1;
    unlink(most);
    int highest = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (atoi(line) > highest)
            highest = atoi(line);
    return highest;
}

static void with_make(void)
{
    const char *dir = ".";
    scratch_enter();
    autofree char *path = xasprintf("%s/Makefile", dir), *output = NULL, *other = NULL;
    ok(fs_write_atomic(path, makefile, strlen(makefile), 0644) == 0, "a Makefile");
    struct jobserver j = JOBSERVER_INIT;
    jobserver_open(&j, 3);
    jobserver_take(&j); /* the make's own */
    is_int(most_at_once(&j, dir, &output), 3, "a make that is alone runs three jobs");
    ok(output && !strstr(output, "jobserver"), "and does not complain about its jobserver");
    is_int(tokens_in(&j), 2, "it gave its tokens back");
    jobserver_take(&j);
    is_int(most_at_once(&j, dir, &other), 2, "beside another pipeline it runs two");
    jobserver_close(&j);
}

/* Two in one process are two to the kernel: each has opened the file for itself. */
static int settle(struct jobs *a, struct jobs *b)
{
    int most = 0;
    for (int i = 0; i < 12; i++) {
        jobs_tick(a);
        jobs_tick(b);
        if (a->held + b->held > most)
            most = a->held + b->held;
        clock_sleep(0.05);
    }
    return most;
}

static int take_all(struct jobs *j)
{
    int n = 0;
    while (jobserver_take(&j->pipe))
        n++;
    return n;
}

static void sharing(void)
{
    int n = 2 * cpu_count() + 2; /* more than there are CPUs: any machine has as many */
    struct jobs a = JOBS_INIT, b = JOBS_INIT;
    is_int(jobs_open(&a, n), 0, "the first one");
    is_int(a.held, n, "alone it has all slots");
    is_int(take_all(&a), n, "and works with all");
    is_int(jobs_open(&b, n), 0, "the second one");
    is_int(settle(&a, &b), n, "together they never have more");
    is_int(b.held, 0, "which has none as long as nothing comes in");
    is_int(jobs_over(&a), n / 2, "the first one is to give half of them back");
    is_int(jobs_fd(&a), a.pipe.rfd, "and looks out for them");
    for (int i = 0; i < n; i++)
        jobserver_give(&a.pipe);
    jobs_tick(&a);
    is_int(a.held, n / 2, "what comes in above its half goes at once");
    is_int(take_all(&a), n / 2, "it works with the rest");
    jobs_tick(&b);
    is_int(b.held, n / 2, "and the second one has as many");
    is_int(take_all(&b), n / 2, "to work with");
    is_int(settle(&a, &b), n, "no more after a while");
    ok(a.held == n / 2 && b.held == n / 2, "and neither takes from the other");
    is_int(jobs_fd(&a), -1, "nor looks out for more");
    for (int i = 1; i < n / 2; i++)
        jobserver_give(&b.pipe); /* one command is still at work */
    settle(&a, &b);
    is_int(a.held, n - 1, "what lies idle goes to the one that is hungry");
    jobs_close(&b);
    jobs_close(&a);
    is_int(jobs_open(&b, 1), 0, "one with a single job");
    ok(b.held == 1 && jobs_over(&b) == 0, "has one");
    is_int(jobs_open(&a, n), 0, "beside one with more than there are CPUs");
    is_int(a.held + b.held, n, "which leaves it that");
    jobs_close(&a);
    jobs_close(&b);
    jobs_close(&b);
}

/* The small --jobs finds its slots among the first ones, which the large one frees first. */
static void unequal(void)
{
    int cpus = cpu_count(), n = 4 * cpus;
    struct jobs a = JOBS_INIT, b = JOBS_INIT;
    jobs_open(&a, n);
    take_all(&a);
    jobs_open(&b, cpus);
    for (int i = 0; i < n; i++) {
        jobserver_give(&a.pipe);
        settle(&a, &b);
        take_all(&a);
        take_all(&b);
        if (b.held > 0)
            break;
    }
    ok(b.held > 0, "who may use only the CPUs gets a share of one with four times as many jobs");
    ok(a.held + b.held <= n, "and both have no more than the larger one asked for");
    jobs_close(&a);
    jobs_close(&b);
}

static void without_a_file(void)
{
    struct jobs j = JOBS_INIT;
    mkdir("runtime", 0700);
    scratch_file("runtime/ungil", "no directory", 0600);
    autofree char *runtime = path_absolute("runtime");
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    is_int(jobs_open(&j, 3), 0, "where there can be no file");
    is_int(j.fd, -1, "nothing is shared");
    jobs_tick(&j);
    is_int(take_all(&j), 3, "and all tokens are there");
    is_int(jobs_fd(&j), -1, "for good");
    jobs_close(&j);
}

int main(void)
{
    proc_init();
    counting();
    with_make();
    autofree char *here = path_absolute("."); /* with_make's scratch directory */
    setenv("XDG_RUNTIME_DIR", here, 1);
    sharing();
    unequal();
    without_a_file();
    return tap_done();
}
