#!/usr/bin/env bash
# One machine has built, many install from a registry: how long it takes, what goes over the wire, and that all of it
# is proven.
#
#   tests/perf/fleet.sh ROOT NAME... [-- CLIENTS]
#
# ROOT: a root in which the interpreters NAME... are installed. UNGIL names the program. Everybody is on this machine:
# the registry (Debian's docker-registry) and CLIENTS (31) roots, each with a cache of its own, all at once.
set -eu
root=$1
shift
names=() clients=31
while [ $# -gt 0 ]; do
	if [ "$1" = -- ]; then clients=$2 && break; fi
	names+=("$1") && shift
done
ungil=${UNGIL:-ungil}
work=$(mktemp -d "${TMPDIR:-/tmp}/ungil-fleet.XXXXXX")
registry=
trap 'kill $registry 2>/dev/null; rm -rf "$work"' EXIT
port=$((20000 + RANDOM % 20000))
cat >"$work/registry.yml" <<END
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $work/store}}
http: {addr: 127.0.0.1:$port}
END
PATH=$PATH:/usr/sbin docker-registry serve "$work/registry.yml" >"$work/log" 2>&1 &
registry=$!
until (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{printf "%.1f", $2 - $1}'; }

# what the access log says was sent: the number behind the status
sent() { awk '/"GET .*HTTP/ { for (i = 1; i < NF; i++) if ($i ~ /^HTTP\//) n += $(i + 2) } END { printf "%d", n }' "$work/log"; }

start=$(now)
XDG_CACHE_HOME=$work/builder "$ungil" push "oci://127.0.0.1:$port/lab/python" "${names[@]}" --root "$root" >"$work/push"
echo "push of ${names[*]}: $(since "$start") s, $(du -sb "$work/store" | cut -f1) bytes in the registry"

: >"$work/log"
start=$(now)
pids=()
for i in $(seq "$clients"); do
	for name in "${names[@]}"; do
		XDG_CACHE_HOME=$work/c$i "$ungil" install "oci://127.0.0.1:$port/lab/python:$name" --variant \
			"$(case $name in *t) echo ft ;; *) echo gil ;; esac)" --root "$work/r$i" || exit
	done >"$work/out$i" 2>&1 &
	pids+=($!)
done
bad=0
for pid in "${pids[@]}"; do wait "$pid" || bad=$((bad + 1)); done
echo "$clients clients at once: $(since "$start") s, $bad failed; $(sent) bytes sent, $(($(sent) / clients)) each"

start=$(now)
proven=0
for r in "$root" "$work"/r[0-9]*; do
	if "$ungil" verify --root "$r" >"$work/verify" 2>&1; then proven=$((proven + 1)); else tail -n 3 "$work/verify"; fi
done
echo "verify, one root after another: $proven of $((clients + 1)) roots, $(since "$start") s"
[ $bad -eq 0 ] && [ $proven -eq $((clients + 1)) ]
