#!/bin/bash
# How long does an install of a bundle take beside `tar --zstd -xf FILE && sync -f`? In turn, ROUNDS times (15), into a new
# directory of one file system. The proof is not counted, which tar does not make; hashes, relocation and sync are.
#
#   UNGIL=build/ungil tests/perf/bundle.sh BUNDLE [DIR]
#
# Prints a line a round (seconds of tar, of ungil and its stages, the ratio), then the median ratio, its range and ungil's
# most memory. DIR (default: TMPDIR or /var/tmp) is where both write.
set -eu
UNGIL=$(readlink -f "${UNGIL:-$(dirname "$0")/../../build/ungil}")
[ -x "$UNGIL" ] || { echo "no ungil at $UNGIL: set UNGIL" >&2; exit 2; }
bundle=$(readlink -f "${1:?which bundle?}")
work=$(mktemp -d "${2:-${TMPDIR:-/var/tmp}}/ungil-bundle.XXXXXX")
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
for ((i = 0; i < ${ROUNDS:-15}; i++)); do
	rm -rf "$work/tar" "$work/root" && mkdir "$work/tar" && sync -f "$work"
	begin=$EPOCHREALTIME
	tar --zstd -C "$work/tar" -xf "$bundle" && sync -f "$work/tar"
	end=$EPOCHREALTIME
	rm -rf "$work/tar" && sync -f "$work"
	"$UNGIL" install "$bundle" --root "$work/root" --timings "$work/times.json" --json >"$work/report.json" 2>/dev/null
	python3 - "$begin" "$end" "$work/times.json" "$work/report.json" <<-'END'
		import json, sys
		begin, end, times, report = sys.argv[1:]
		spans = json.load(open(times))["spans"]
		# the stages follow each other, and what lies between them counts, too; ungil starts at 0
		proof = sum(s["end"] - s["start"] for s in spans if s["stage"] == "verify")
		own = max(s["end"] for s in spans) - proof
		tar = float(end) - float(begin)
		stages = ", ".join(f"{s['stage']} {s['end'] - s['start']:.3f}" for s in spans if s["stage"] != "verify")
		print(f"tar {tar:.3f}  ungil {own:.3f} ({stages})  {own / tar:.2f}  {json.load(open(report))['peak_memory'] >> 10} KiB")
	END
done | tee "$work/rounds"
python3 - "$work/rounds" <<'END'
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
ratios = sorted(float(row[-3]) for row in rows)
print(f"ratio: median {statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)} rounds; "
      f"ungil at most {max(int(row[-2]) for row in rows) / 1024:.1f} MiB")
END
