/* How many CPUs this process may really use. */
#ifndef UNGIL_BASE_CPU_H
#define UNGIL_BASE_CPU_H

/* CPUs in the affinity mask (sched_getaffinity), at least 1. */
int cpu_affinity(void);

/* The cgroup's CPU quota in CPUs (v2 cpu.max up the hierarchy, v1 cfs_quota), 0 when there is none.
 */
double cpu_quota(void);
/* The same by the text of /proc/PID/cgroup in the file `membership` and the hierarchies below
 * `mount`. */
double cpu_quota_in(const char *membership, const char *mount);

/* Affinity and quota together, rounded up, at least 1: the default for --jobs and what a
 * scaling claim is measured against. */
int cpu_count(void);

double cpu_load(void); /* 1-minute load average; -1 when unknown */

#endif
