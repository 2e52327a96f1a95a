/* How many CPUs this process may really use. */
#ifndef UNGIL_BASE_CPU_H
#define UNGIL_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

/* CPUs in the affinity mask (sched_getaffinity), at least 1. */
int cpu_affinity(void);

/* The cgroup's CPU quota in CPUs (v2 cpu.max up the hierarchy, v1 cfs_quota), 0 when there is none.
 */
double cpu_quota(void);
/* The same by the text of /proc/PID/cgroup in the file `membership` and the hierarchies below
 * `mount`. */
double cpu_quota_in(const char *membership, const char *mount);

/* Affinity and quota together, not rounded: 0.5 of a CPU is no CPU for a scaling claim. */
double cpu_allowed(void);

/* The numbers of the CPUs in the affinity mask, those that have a core to themselves first, the
 * further threads of the same cores behind them. Returns how many; 0 where that cannot be known. */
size_t cpu_list(int *cpus, size_t most);

/* Affinity and quota together, rounded up, at least 1: the default for --jobs. */
int cpu_count(void);

/* For how long these CPUs were busy and idle since the machine started, together, in the kernel's
 * ticks, by a file like /proc/stat; guests are in it, and so is what other processes did. False
 * where that cannot be known; no error is recorded. */
bool cpu_use(const char *stat, const int *cpus, size_t n, double *busy, double *idle);

double cpu_load(void); /* 1-minute load average; -1 when unknown */

#endif
