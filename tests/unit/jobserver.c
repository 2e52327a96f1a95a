/* One token for each job, never one more, and GNU make takes its share of them. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/str.h"
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

int main(void)
{
    proc_init();
    counting();
    with_make();
    return tap_done();
}
