/* Goal: the CPU quota of a cgroup is read as the kernel writes it, v1 and v2, from every level. */
#include "base/cpu.h"
#include "scratch.h"
#include "tap.h"

static void is_quota(const char *membership, double expected, const char *what)
{
    scratch_file("membership", membership, 0644);
    double seen = cpu_quota_in("membership", "mount");
    if (!ok(seen > expected - 0.001 && seen < expected + 0.001, what))
        printf("# %g, expected %g\n", seen, expected);
}

int main(void)
{
    scratch_enter();
    is_quota("0::/a/b\n", 0, "no file: no quota");
    scratch_file("mount/cpu.max", "max 100000\n", 0644);
    scratch_file("mount/a/cpu.max", "50000 100000\n", 0644);
    scratch_file("mount/a/b/cpu.max", "150000 100000\n", 0644);
    scratch_file("mount/c/cpu.max", "max 100000\n", 0644);
    is_quota("0::/a/b\n", 0.5, "v2: the tightest on the way up");
    is_quota("0::/c\n", 0, "v2: max is none");
    is_quota("0::/\n", 0, "v2: the top");
    scratch_file("mount/cpu/x/cpu.cfs_quota_us", "75000\n", 0644);
    scratch_file("mount/cpu/x/cpu.cfs_period_us", "50000\n", 0644);
    scratch_file("mount/cpu/y/cpu.cfs_quota_us", "-1\n", 0644);
    scratch_file("mount/cpu/y/cpu.cfs_period_us", "100000\n", 0644);
    is_quota("4:cpu,cpuacct:/x\n3:cpuset:/\n", 1.5, "v1");
    is_quota("4:cpu,cpuacct:/y\n", 0, "v1: -1 is none");
    is_quota("4:cpu:/x\n0::/a\n", 0.5, "both: the tighter one");
    scratch_file("mount/d/cpu.max", "garbage\n", 0644);
    is_quota("0::/d\n\nnonsense\n", 0, "what is not understood is none");
    ok(cpu_count() >= 1 && cpu_count() <= cpu_affinity(), "never less than one CPU");
    return tap_done();
}
