# Where the time of an install went: every stage with begin and end, whatever became of the install, as JSON and as a page.

load helpers

setup() {
	common_setup
	mini_upstream
	knob skip-bench
}

# timings FILE.json EXPRESSION: of its document `t`, spans by lane and stage `s`
timings() {
	python3 -c '
import json, sys
t = json.load(open(sys.argv[1]))
s = {(x["lane"], x["stage"]): x for x in t["spans"]}
by = {x["id"]: x for x in t["spans"]}
sys.exit(0 if eval(sys.argv[2]) else f"not so: {sys.argv[2]}\n{json.dumps(t, indent=1)}")' "$@"
}

# consistent FILE.json: what holds of every one of them
consistent() {
	timings "$1" 't["format"] == 1 and t["cpus"] >= 1 and t["started"].endswith("Z")'
	timings "$1" 'all(0 <= x["start"] <= x["end"] <= t["summary"]["wall"] for x in t["spans"])'
	timings "$1" 'all(by[a]["end"] <= x["start"] and a < x["id"] for x in t["spans"] for a in x["after"])'
	timings "$1" 'all(x["waited"] >= 0 and x["paused"] >= 0 and x["cpu_seconds"] >= 0 for x in t["spans"])'
	timings "$1" '[x["id"] for x in t["spans"] if x["critical"]] == sorted(t["summary"]["critical"])'
	timings "$1" 'not any(a["lane"] == b["lane"] and a["start"] < b["end"] and b["start"] < a["end"] and a is not b for a in t["spans"] for b in t["spans"])'
}

@test "JSON: every stage of both variants, what each came after, processor time, and how busy the CPUs were" {
	knob sleep-compile 0.3
	run ungil install 3.99.1 --timings times.json
	assert_exit 0
	consistent times.json
	timings times.json 't["outcome"] == "done" and {x["outcome"] for x in t["spans"]} == {"done"}'
	timings times.json 'all((n, st) in s and s[n, st]["start"] < s[n, st]["end"] for n in ("3.99.1", "3.99.1t") for st in ("copy", "configure", "make", "install", "verify"))'
	timings times.json '("source", "fetch") in s and ("pair", "commit") in s and ("bench", "measure") in s'
	timings times.json 's["source", "fetch"]["detail"] == "3.99.1 (git)"'
	timings times.json 'all(by[x["after"][0]]["lane"] == "source" for x in (s["3.99.1", "copy"], s["3.99.1t", "copy"]))'
	timings times.json 's["3.99.1t", "make"]["end"] - s["3.99.1t", "make"]["start"] >= 0.3'
	# what compiles takes more processor time than what sleeps; and all of it is somebody's
	timings times.json 's["3.99.1", "make"]["cpu_seconds"] > 0.01 and s["3.99.1", "configure"]["cpu_seconds"] > 0.01'
	timings times.json '0.8 <= sum(x["cpu_seconds"] for x in t["spans"]) / (t["summary"]["cpu_seconds"] + t["summary"]["own_cpu_seconds"]) <= 1.01'
	timings times.json 'by[t["summary"]["critical"][0]]["lane"] == "source" and by[t["summary"]["critical"][-1]]["stage"] == "measure"'
	[ -r /proc/stat ] || return 0
	timings times.json 't["busy"]["at"] == sorted(t["busy"]["at"]) and len(t["busy"]["at"]) == len(t["busy"]["share"]) > 2'
	timings times.json 'all(0 <= x <= 1 for x in t["busy"]["share"]) and 0 <= t["summary"]["idle_share"] <= 1'
	# nothing to do is a document, too
	run ungil install 3.99.1 --timings times.json
	assert_exit 0
	timings times.json 't["outcome"] == "done" and t["spans"] == []'
}

@test "one job: the variant with less to do waits for the token, and comes after the other one" {
	run ungil install 3.99.1 --jobs 1 --no-bench --timings times.json
	assert_exit 0
	consistent times.json
	timings times.json 's["3.99.1", "copy"]["waited_for"] == "token" and s["3.99.1t", "install"]["id"] in s["3.99.1", "copy"]["after"]'
	timings times.json 's["3.99.1", "make"]["critical"] and s["3.99.1t", "make"]["critical"]'
}

@test "two SPECs are one timeline" {
	run ungil install 3.99.1t 3.99.2t --no-bench --timings times.json
	assert_exit 0
	consistent times.json
	timings times.json 's["3.99.1t", "make"]["end"] <= s["3.99.2t", "make"]["start"]'
	timings times.json 'min(x["id"] for x in t["spans"] if x["detail"] == "3.99.2 (git)") > s["3.99.1t", "make"]["id"]'
}

@test "a failed build leaves its timings, and they name what failed; what goes on from there is marked" {
	knob fail-object
	run ungil install 3.99.1t --timings times.json
	assert_exit 6
	assert_output --partial 'the miniature was told to fail here'
	consistent times.json
	timings times.json 't["outcome"] == "failed" and s["3.99.1t", "make"]["outcome"] == "failed" and s["3.99.1t", "configure"]["outcome"] == "done"'
	unknob fail-object
	run ungil install 3.99.1t --timings times.json
	assert_exit 0
	timings times.json 's["3.99.1t", "make"]["resumed"] and ("3.99.1t", "configure") not in s'
}

@test "a build that fails its proof: verify is what failed" {
	knob gil-on
	run ungil install 3.99.1 --timings times.json
	assert_exit 3
	consistent times.json
	timings times.json 's["3.99.1t", "verify"]["outcome"] == "failed" and s["3.99.1", "verify"]["outcome"] == "done" and t["outcome"] == "failed"'
}

@test "an interrupted install leaves its timings, within two seconds" {
	local start status=0
	knob sleep-compile 60
	background env --default-signal=INT,QUIT,HUP,TERM "$UNGIL" install 3.99.1 --timings times.json 2>err
	within 20 bash -c '[ "$(grep -cs "^compile" "$0/control/seen")" = 2 ]' "$MINI"
	start=${EPOCHREALTIME/./}
	kill -INT "$PID"
	wait "$PID" || status=$?
	[ $(((${EPOCHREALTIME/./} - start) / 1000)) -lt 2000 ]
	assert_equal "$status" 130
	assert_file_contains err 'run the same command again'
	consistent times.json
	timings times.json 't["outcome"] == "interrupted" and s["3.99.1", "make"]["outcome"] == s["3.99.1t", "make"]["outcome"] == "interrupted"'
}

@test "a name that cannot be: said before anything is fetched" {
	mkdir dir.json
	run ungil install 3.99.1 --timings times.svg
	assert_exit 2
	assert_output --partial 'FILE.json'
	assert_output --partial 'FILE.html'
	run ungil install 3.99.1 --timings missing/times.json
	assert_exit 1
	assert_output --partial "mkdir -p 'missing'"
	run ungil install 3.99.1 --timings dir.json
	assert_exit 1
	assert_output --partial 'dir.json is a directory'
	assert_file_not_exist "$XDG_CACHE_HOME/ungil"
	assert_nothing_installed
	# what names nothing to install leaves what was there
	echo mine >kept.json
	run ungil install 3.77 --timings kept.json
	assert_exit 2
	assert_equal "$(cat kept.json)" mine
}

@test "timings that cannot be written in the end: the install stands, its own failure stays the message" {
	ln -s /dev/full full.json
	run ungil install 3.99.1t --timings full.json
	assert_exit 1
	assert_output --regexp '3[.]99[.]1t +installed'
	assert_output --partial 'No space left'
	assert_store_is_sound
	knob fail-compile
	run ungil install 3.99.2t --timings full.json
	assert_exit 6
	assert_output --partial 'warning: cannot write the report'
	assert_output --partial 'error: 3.99.2t: make failed'
	assert_output --partial 'after a repair run the same command again'
}

# with_data PAGE NEW EXPRESSION: the page about other figures; the expression changes the document `t`
with_data() {
	python3 -c '
import json, re, sys
page = open(sys.argv[1]).read()
at = page.index("id=\"data\">") + 10
end = page.index("</script>", at)
t = json.loads(page[at:end])
exec(sys.argv[3])
data = re.sub("[<>&]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(t))
open(sys.argv[2], "w").write(page[:at] + data + page[end:])' "$@"
}

@test "the page: phone and desktop, light and dark, paper: drawn, no request, no complaint, nothing cut off, readable" {
	run ungil install 3.99.1 --timings times.html
	assert_exit 0
	[ "$(stat -c %s times.html)" -le $((120 * 1024)) ] || fail "too big"
	look times.html
	seen 5 'v["requests"] == [] and v["console"] == [] and v["charts"] == 2'
	seen 5 'v["empty"] == [] and v["outside"] == [] and v["overflow"] <= 0 and v["cut"] == [] and v["nameless"] == []'
	seen 5 'v["contrast"][0] >= 4.5'
	seen 5 'v["message"].startswith("The install took ")'
}

@test "the page of a long, a failed, an empty and a hostile one" {
	knob fail-object
	run ungil install 3.99.1 --timings failed.html
	assert_exit 6
	with_data failed.html long.html '
t["outcome"] = "done"
t["summary"]["wall"] = 30000
for i, x in enumerate(t["spans"]): x.update(start=3000 * i, end=3000 * i + 2500, waited=400, waited_for="token", paused=90, outcome="done", resumed=True)
t["busy"] = {"at": [100 * i for i in range(1, 300)], "share": [i % 7 / 6 for i in range(1, 300)]}'
	with_data failed.html empty.html 't.update(spans=[], busy=None, outcome="done"); t["summary"].update(critical=[], stages={}, idle_share=None)'
	with_data failed.html hostile.html '
evil = "</script><script>alert(1)</script>" + "x" * 300
for x in t["spans"]: x.update(lane=evil + x["lane"], stage=evil, detail=evil, waited_for=evil, outcome=evil)
t.update(started=evil, ungil=evil, quota=evil)'
	look --fewer failed.html long.html empty.html hostile.html
	seen 8 'v["requests"] == [] and v["console"] == [] and v["empty"] == [] and v["overflow"] <= 0 and v["cut"] == [] and v["contrast"][0] >= 4.5'
	seen 8 'v["page"] == "hostile.html" or v["outside"] == []'
	seen 8 'v["page"] != "failed.html" or ": make failed after " in v["message"]'
	seen 8 'v["page"] != "long.html" or v["message"].replace("\xa0", " ") == "The install took 8 h 20 min."'
	seen 8 'v["page"] != "empty.html" or v["message"] == "There was nothing to do." and v["charts"] == 0'
}
