#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

int cpu_affinity(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* The quota in one directory of a cgroup v2 (cpu.max: "QUOTA PERIOD") or v1 hierarchy; 0: none. */
static double quota_in(const char *dir)
{
    double quota = 0, period = 0;
    autofree char *v2 = xasprintf("%s/cpu.max", dir);
    autofree char *text = NULL;
    if (fs_read_text(v2, &text) == 0)
        return sscanf(text, "%lf %lf", &quota, &period) == 2 && period > 0 ? quota / period : 0;
    autofree char *v1q = xasprintf("%s/cpu.cfs_quota_us", dir);
    autofree char *v1p = xasprintf("%s/cpu.cfs_period_us", dir);
    autofree char *q = NULL, *p = NULL;
    if (fs_read_text(v1q, &q) == 0 && fs_read_text(v1p, &p) == 0) {
        quota = atof(q);
        period = atof(p);
    }
    return quota > 0 && period > 0 ? quota / period : 0;
}

/* The tightest quota from this process's own group up to the mount point. */
static double quota_up(const char *mount, char *path)
{
    double tightest = 0;
    for (;;) {
        autofree char *dir = xasprintf("%s%s", mount, path);
        double q = quota_in(dir);
        if (q > 0 && (tightest == 0 || q < tightest))
            tightest = q;
        char *slash = strrchr(path, '/');
        if (!slash || !*path)
            return tightest;
        *slash = '\0';
    }
}

double cpu_quota_in(const char *membership, const char *mount)
{
    autofree char *groups = NULL, *v1 = xasprintf("%s/cpu", mount);
    if (fs_read_text(membership, &groups) < 0)
        return 0;
    double tightest = 0;
    char *save = NULL;
    for (char *line = strtok_r(groups, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        double q = 0;
        if (!*controllers)
            q = quota_up(mount, path);
        else if (strstr(controllers, "cpu") && !strstr(controllers, "cpuset"))
            q = quota_up(v1, path);
        if (q > 0 && (tightest == 0 || q < tightest))
            tightest = q;
    }
    return tightest;
}

double cpu_quota(void)
{
    return cpu_quota_in("/proc/self/cgroup", "/sys/fs/cgroup");
}

double cpu_allowed(void)
{
    int n = cpu_affinity();
    double quota = cpu_quota();
    return quota > 0 && quota < n ? quota : n;
}

int cpu_count(void)
{
    double allowed = cpu_allowed();
    int n = (int)allowed + (allowed > (int)allowed);
    return n > 0 ? n : 1;
}

#ifdef __linux__
/* Whether it is not the first of the threads that share its core. */
static bool is_sibling(int cpu)
{
    autofree char *path =
        xasprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    autofree char *text = NULL;
    return fs_read_text(path, &text) == 0 && atoi(text) != cpu;
}
#endif

size_t cpu_list(int *cpus, size_t most)
{
    size_t n = 0;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 0;
    for (int siblings = 0; siblings < 2; siblings++)
        for (int i = 0; i < CPU_SETSIZE && n < most; i++)
            if (CPU_ISSET((size_t)i, &set) && is_sibling(i) == siblings)
                cpus[n++] = i;
#else
    (void)cpus, (void)most;
#endif
    return n;
}

double cpu_load(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : -1;
}

/* "cpu0 user nice system idle iowait irq softirq steal …": waiting for a disk is idling, and what
 * was stolen for another machine is not. */
static bool add_line(const char *text, int cpu, double *busy, double *idle)
{
    autofree char *name = xasprintf("\ncpu%d ", cpu);
    const char *at = strstr(text, name);
    double f[8] = {0};
    if (!at || sscanf(at + strlen(name), "%lf %lf %lf %lf %lf %lf %lf %lf", &f[0], &f[1], &f[2],
                      &f[3], &f[4], &f[5], &f[6], &f[7]) < 4)
        return false;
    *busy += f[0] + f[1] + f[2] + f[5] + f[6] + f[7];
    *idle += f[3] + f[4];
    return true;
}

bool cpu_use(const char *stat, const int *cpus, size_t n, double *busy, double *idle)
{
    autofree char *text = NULL;
    *busy = *idle = 0;
    bool known = n > 0 && access(stat, R_OK) == 0 && fs_read_text(stat, &text) == 0;
    for (size_t i = 0; known && i < n; i++)
        known = add_line(text, cpus[i], busy, idle);
    return known;
}
