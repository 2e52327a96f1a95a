#!/bin/bash
# share/ci/slurm/ungil.sbatch on a real Slurm: two nodes on this host, and a registry, all started and stopped here, on ports
# and in directories of their own. As root. Debian's packages: slurmctld slurmd slurm-client munge docker-registry.
#
#   UNGIL=build/ungil tests/perf/slurm.sh [ROOT]
#
# ROOT holds the real pair (default: $UNGIL_TEST_PAIR, else what the tests built, build/real-pair/root). It is only read.
# Four jobs, each with what its nodes said:
#   1. the pair is in the registry: both nodes install it from there, and nothing is compiled
#   2. the same again: it is there already
#   3. the registry has no such thing (the miniature of tests/upstream/mini.sh): one node builds and pushes, the other waits
#   4. no registry answers: the job fails, and nothing is built
# The last line is "N passed, N failed, N skipped"; the exit status is 0 when nothing failed, 2 when it cannot run here.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
UNGIL=$(readlink -f "${UNGIL:-$top/build/ungil}")
pair=$(readlink -f "${1:-${UNGIL_TEST_PAIR:-$(dirname "$UNGIL")/real-pair/root}}")
PATH=$PATH:/usr/sbin
cannot() { echo "$*" >&2; exit 2; }
[ -x "$UNGIL" ] || cannot "no ungil at $UNGIL: set UNGIL"
[ "$(id -u)" -eq 0 ] || cannot "Slurm's daemons run as root here"
for program in slurmctld slurmd sbatch srun munged docker-registry; do
	command -v $program >/dev/null || cannot "no $program: apt-get install slurmctld slurmd slurm-client munge docker-registry"
done
ft=$(find "$pair/versions" -mindepth 1 -maxdepth 1 -name '*t' -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
[ -n "$ft" ] || cannot "no pair in $pair: name a root that has one"
release=${ft%t} passed=0 failed=0
work=$(mktemp -d /var/tmp/ungil-slurm.XXXXXX) && chmod 755 "$work"
declare -A daemons=()

# --- what is started, and stopped again -------------------------------------------------------------

clean_up() {
	local name
	[ ! -e "$work/slurm.conf" ] || scancel --quiet --user=root 2>/dev/null
	# in this order: the controller tells its nodes what to end, munge is asked by all of them
	for name in node1 node2 slurmctld registry munged; do
		[ -z "${daemons[$name]:-}" ] || { kill "${daemons[$name]}" && wait "${daemons[$name]}"; } 2>/dev/null
	done
	[ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# daemon NAME COMMAND...: in the background; its output is in NAME.log
daemon() {
	local name=$1
	shift
	"$@" >"$work/$name.log" 2>&1 </dev/null &
	daemons[$name]=$!
}

# within SECONDS COMMAND...: until it succeeds
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "not within the time: $*" >&2; tail -q -n 5 "$work"/*.log >&2; exit 1; }
		sleep 0.2
	done
}
listens() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# five ports that are free now, one after the other from $port on
find_ports() {
	local p
	for ((port = 20000 + $$ % 10000; port < 60000; port += 10)); do
		for ((p = port; p < port + 5; p++)); do
			if listens $p; then continue 2; fi
		done
		return
	done
	cannot "no free ports"
}

start_munge() {
	(umask 077 && head -c 1024 /dev/urandom >"$work/munge.key")
	daemon munged munged --foreground --socket="$work/munge.socket" --key-file="$work/munge.key" --pid-file="$work/munged.pid" \
		--seed-file="$work/munge.seed" --log-file="$work/munged.out" --num-threads=2
	within 10 test -S "$work/munge.socket"
}

start_registry() {
	cat >"$work/registry.yml" <<-END
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $work/registry}}
		http: {addr: "127.0.0.1:$port"}
	END
	daemon registry docker-registry serve "$work/registry.yml"
	registry=oci://127.0.0.1:$port/lab/python
	within 10 listens "$port"
}

start_slurm() {
	local name cpus plugin=disabled
	cpus=$(nproc)
	mkdir -p "$work/state" "$work/node1" "$work/node2"
	# no cgroups, which may belong to somebody else; "disabled" came with Slurm 23.02, before it nothing below asks v1 for one
	case $(slurmd -V) in *" 1"?.* | *" 2"[0-2].*) plugin=cgroup/v1 ;; esac
	echo "CgroupPlugin=$plugin" >"$work/cgroup.conf"
	cat >"$work/slurm.conf" <<-END
		ClusterName=two
		SlurmctldHost=$(hostname -s)(127.0.0.1)
		SlurmUser=root
		SlurmctldPort=$((port + 1))
		SlurmctldPidFile=$work/slurmctld.pid
		StateSaveLocation=$work/state
		SlurmdSpoolDir=$work/%n
		SlurmdPidFile=$work/%n.pid
		AuthType=auth/munge
		AuthInfo=socket=$work/munge.socket
		CredType=cred/munge
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		SlurmdParameters=config_overrides
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		SwitchType=switch/none
		MpiDefault=none
		SchedulerType=sched/builtin
		SelectType=select/linear
		ReturnToService=2
		MessageTimeout=60
		# seconds; the nodes are asked whether they live, and here they come and go with the script
		SlurmdTimeout=300
		NodeName=node[1-2] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[$((port + 2))-$((port + 3))] CPUs=$cpus State=UNKNOWN
		PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
	END
	export SLURM_CONF=$work/slurm.conf
	daemon slurmctld slurmctld -D -i -f "$SLURM_CONF"
	within 20 listens $((port + 1))
	for name in node1 node2; do daemon $name slurmd -D -N $name -f "$SLURM_CONF"; done
	within 60 both_idle
}
both_idle() { [ "$(sinfo --noheader --Node --format=%T 2>/dev/null | sort -u)" = idle ]; }

# --- jobs -------------------------------------------------------------------------------------------

# job NAME EXIT-STATUS [VARIABLE=VALUE]... -- [PROGRAM]...: runs the script and shows what the nodes said
job() {
	local name=$1 expected=$2 begin=$EPOCHREALTIME rc
	local -a settings=()
	shift 2
	while [ "$1" != -- ]; do settings+=("$1") && shift; done
	shift
	echo "=== $name"
	# in the background, so that a signal to this script is not kept until the job ends
	(cd "$work" && exec env "${settings[@]}" UNGIL="$UNGIL" NODE_ROOT="$work/disk-%N" timeout 900 sbatch --quiet --wait \
		--nodes=2 --output="$work/job.out" "$top/share/ci/slurm/ungil.sbatch" "$@") &
	wait $!
	rc=$?
	sed 's/^/    /' "$work/job.out"
	echo "    $(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s, exit status $rc"
	expect "$name: exit status $expected" [ $rc -eq "$expected" ]
}

expect() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@"; then
		passed=$((passed + 1)) && echo "ok - $what"
	else
		failed=$((failed + 1)) && echo "not ok - $what"
	fi
}
said() { [ "$(grep -cE "$2" "$work/job.out")" -eq "$1" ]; }     # said TIMES REGEX

find_ports
start_munge
start_registry
start_slurm
echo "=== two nodes"
srun --nodes=2 --ntasks=2 printenv SLURMD_NODENAME | sed 's/^/    /'
"$UNGIL" push "$registry" "$release" "$ft" --root "$pair" --quiet || exit 1
cat >"$work/threads.py" <<'END'
import os, sys, threading
out = []
threads = [threading.Thread(target=lambda: out.append(sum(range(10**6)))) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(os.environ["SLURMD_NODENAME"], "ran", sys.argv[1:], "with", sys.executable, "GIL", sys._is_gil_enabled(), len(out))
END
export XDG_CACHE_HOME=$work/cache UNGIL_RECIPES=$work/mini/recipes

job "the registry has the pair" 0 UNGIL_REGISTRY="$registry" SPEC="${release%.*}" -- "$work/threads.py" "an argument"
expect "both nodes have verified the pair" said 2 "^[0-9:]+ node[12]: verified $release $ft in"
expect "nobody built" said 0 "building"
expect "the program ran on both, free-threaded" said 2 "node[12] ran \['an argument'\] .*/disk-node[12]/.* GIL False 4"

job "the nodes have it already" 0 UNGIL_REGISTRY="$registry" SPEC="$release" --
expect "both nodes are free-threaded" said 2 "^node[12] $release GIL False"

"$top/tests/upstream/mini.sh" "$work/mini" >/dev/null 2>&1
job "the registry lacks it" 0 UNGIL_REGISTRY="$registry" SPEC=3.99.2 PRESET=quick -- -V
expect "one node built" said 1 "not in the registry: building 3.99.2"
expect "both nodes have it" said 2 "^[0-9:]+ node[12]: verified 3.99.2 3.99.2t in"
expect "each variant was compiled once" [ "$(grep -c ^compile "$work/mini/control/seen")" -eq 2 ]

job "no registry answers" 4 UNGIL_REGISTRY="oci://127.0.0.1:$((port + 4))/lab/python" SPEC=3.99.1 PRESET=quick --
expect "nothing was built" said 0 "building"

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
