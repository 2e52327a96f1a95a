# The report of `ungil bench --html`, looked at in a real browser: it draws, asks nobody, fits a phone, and nothing gets out of it.

load helpers

page() { # page VARIANT: makes VARIANT.html of tests/results.py
	python3 "$TESTS/results.py" "$1" >"$1.json"
	ungil bench --from "$1.json" --html "$1.html" >table
}

@test "phone and desktop, light and dark, paper: drawn, no request, no complaint, nothing cut off, readable" {
	page pair
	[ "$(stat -c %s pair.html)" -le $((400 * 1024)) ] || fail "too big"
	look --switch pair.html
	seen 5 'v["requests"] == [] and v["console"] == []'
	seen 5 'v["charts"] >= 15 and v["empty"] == [] and v["outside"] == []'
	seen 5 'v["overflow"] <= 0 and v["cut"] == [] and v["nameless"] == []'
	seen 5 'v["contrast"][0] >= 4.5'
	seen 5 'v["message"] == "Without the GIL, 2 threads are 1.95× as fast as one."'
	seen 5 'v["ground"] == ("rgb(255, 255, 255)" if v["view"] != "phone dark" and v["view"] != "desktop dark" else "rgb(17, 21, 27)")'
	# by keyboard alone: Tab, then the arrows, from the system's colours to light and dark
	seen 5 '"switch" not in v or v["switch"] == {"focused": "theme system", "grounds": ["rgb(255, 255, 255)"] * 2 + ["rgb(17, 21, 27)"]}'
}

@test "one build, one CPU, eight workers, a busy machine, one round, nothing at all: a page each, which claims no more than it knows" {
	local v
	for v in gil one-cpu wide busy one empty; do page $v; done
	look --fewer gil.html one-cpu.html wide.html busy.html one.html empty.html
	seen 12 'v["requests"] == [] and v["console"] == [] and v["empty"] == [] and v["outside"] == [] and v["overflow"] <= 0 and v["cut"] == []'
	seen 12 'v["page"] != "gil.html" or v["message"] == "With the GIL, 2 threads are 1.00× as fast as one."'
	seen 12 'v["page"] != "one-cpu.html" or "cannot be said" in v["message"] and v["charts"] == 1'
	seen 12 'v["page"] != "wide.html" or "8 threads" in v["message"]'
	seen 12 'v["page"] != "busy.html" or v["message"] == "This run was too unsteady to tell what free-threading is worth."'
	seen 12 'v["page"] != "one.html" or v["message"].endswith("in a single round.")'
	seen 12 'v["page"] != "empty.html" or v["message"] == "Nothing was measured." and v["charts"] == 0'
}

@test "texts that try to get out stay texts" {
	page hostile
	look --fewer hostile.html
	seen 2 'v["title"].startswith("Free-threading 3.14.7") and v["console"] == [] and v["requests"] == []'
	seen 2 'v["overflow"] <= 0 and v["cut"] == []'
	[ "$(grep -o '</script' hostile.html | wc -l)" -eq 2 ] || fail "a script ends early"
}

@test "the browser's look can fail: a request, a complaint, a wide page and pale text are seen" {
	page empty
	sed -e "s/<meta http-equiv=[^>]*>//" -e 's|<footer id="footer">|&<img src="missing.png"><p style="color:#777;width:2000px">pale</p>|' \
		empty.html >bad.html
	sed "s/default-src 'none'/default-src 'none' /; s/document.title = /undefined_function(); &/" empty.html >changed.html
	look --fewer bad.html changed.html
	seen 4 'v["page"] != "bad.html" or v["overflow"] > 0 and v["cut"] and v["contrast"][0] < 4.5 and any("missing.png" in r for r in v["requests"])'
	# one letter more in the script, and the policy forbids it all
	seen 4 'v["page"] != "changed.html" or "Content Security Policy" in str(v["console"]) and v["title"] == "What free-threading is worth here"'
}

@test "--from: a result, a receipt, what is neither, and what does not go together" {
	page pair
	python3 -c 'import json; json.dump({"name": "3.14.7", "bench": json.load(open("pair.json"))}, open("ungil.json", "w"))'
	run --separate-stderr ungil bench --from ungil.json --html -
	assert_exit 0
	diff <(printf '%s\n' "$output") pair.html
	run --separate-stderr ungil bench --from pair.json --json
	assert_exit 0
	python3 -c '
import json, sys
said = {c["id"]: c["verdict"] for c in json.loads(sys.argv[1])["claims"]}
assert said["matmul-four-threads"] == said["gil-no-gain-sha256"] == "does not hold here", said
assert said["gil-off"] == said["interpreters"] == "holds here", said
assert said["sha256-four-threads"] == "cannot be said" and said["libraries"] == "not measured", said' "$output"

	run ungil bench --from missing.json --html x.html
	assert_exit 2
	assert_output --partial 'missing.json'
	echo '{"format": 2,' >half.json
	run ungil bench --from half.json --html x.html
	assert_exit 2
	assert_output --partial 'line '
	echo '{"format": 1, "kernels": []}' >old.json
	run ungil bench --from old.json --html x.html
	assert_exit 2
	assert_output --partial 'measure again'
	run ungil bench --from half.json --html x.html 3.14
	assert_exit 2
	assert_output --partial '--from'
	assert_file_not_exist x.html
	run ungil bench --from pair.json --html - --json
	assert_exit 2
	run ungil bench --self-check 3.14 --html x.html
	assert_exit 2
	# what cannot work is said before anything is measured
	run ungil bench --html missing/x.html 3.99
	assert_output --partial "mkdir -p 'missing'"
}

@test "a report that cannot be written: the old one stays, and what to do is said" {
	page pair
	mkdir dir
	run ungil bench --from pair.json --html missing/x.html
	assert_exit 1
	assert_output --partial "mkdir -p 'missing'"
	run ungil bench --from pair.json --html dir
	assert_exit 1
	assert_output --partial 'dir is a directory'
	run ungil bench --from pair.json --html /dev/full
	assert_exit 1
	assert_output --partial 'No space left'
	echo mine >kept.html
	run bash -c 'ulimit -f 8; trap "" XFSZ; exec "$@"' - "$UNGIL" bench --from pair.json --html kept.html
	assert_exit 1
	assert_output --partial 'kept.html'
	[ "$(cat kept.html)" = mine ] || fail "the old one is gone"
	run find . -name '*.tmp'
	assert_output ''
	if [ "$(id -u)" -ne 0 ]; then
		chmod a-w dir
		run ungil bench --from pair.json --html dir/x.html
		assert_exit 1
		assert_output --partial 'Permission denied'
	fi
}
