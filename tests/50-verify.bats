# Nothing is installed that is not proven; a build that is not free-threaded ends with exit 3.

load helpers

setup() {
	common_setup
	mini_upstream
}

@test "a free-threaded build whose GIL is on: exit 3, nothing installed, the check is named" {
	knob gil-on
	run ungil install 3.99.1
	assert_exit 3
	assert_output --partial gil-off
	assert_nothing_installed
}

@test "an interpreter that crashes proves nothing" {
	knob dead-kernel
	run ungil install 3.99.1
	[ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	assert_nothing_installed
}

@test "another check that fails: exit 1, nothing installed" {
	knob no-pip
	run ungil install 3.99.1
	assert_exit 1
	assert_output --partial pip
	assert_nothing_installed
}

@test "a prefix without a pip of its own: exit 1, nothing installed" {
	knob lose-pip
	run ungil install 3.99.1
	assert_exit 1
	assert_output --partial own-pip
	assert_nothing_installed
}

@test "--keep-failed keeps the prefix in the stage, and says where" {
	knob gil-on
	run ungil install 3.99.1t --keep-failed
	assert_exit 3
	kept=$(grep -o "$UNGIL_ROOT/stage/[^ ]*" <<<"$output" | head -n 1)
	assert_exist "$kept/bin/python3.99t"
	assert_not_exist "$UNGIL_ROOT/versions/3.99.1t"
	unknob gil-on
	run ungil install 3.99.1t --no-bench
	assert_exit 0
	assert_store_is_sound
}

@test "verify: what was proven once can be lost, and is seen" {
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	run ungil verify
	assert_exit 0
	knob gil-on
	run ungil verify 3.99.1t
	assert_exit 3
	assert_output --partial gil-off
	run --separate-stderr ungil verify --json 3.99.1
	assert_exit 0
	run python3 -c 'import json, sys; r = json.loads(sys.argv[1]); print(r["format"], r["verified"][0]["name"])' "$output"
	assert_output '1 3.99.1'
}

@test "the receipt holds every proof" {
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	run python3 - "$UNGIL_ROOT/versions/3.99.1t/ungil.json" <<-'END'
		import json, sys
		receipt = json.load(open(sys.argv[1]))
		print(receipt["name"], receipt["free_threaded"], receipt["verify"]["verdict"])
		print(sorted(c["check"] for c in receipt["verify"]["checks"] if c["proof"]))
	END
	assert_line --index 0 "3.99.1t True proven"
	assert_line --index 1 --partial gil-off
}

@test "what a verification left behind when it was killed outright goes with the next one; a live one's stays" {
	ungil install 3.99.1 --no-bench
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir -p "$TMPDIR"/ungil-kernel.{dead,live,young}/venv
	touch -d '1 hour ago' "$TMPDIR"/ungil-kernel.{dead,live}
	exec 9<"$TMPDIR/ungil-kernel.live"
	flock 9
	run ungil verify 3.99.1
	exec 9<&-
	assert_exit 0
	run ls "$TMPDIR"
	assert_output $'ungil-kernel.live\nungil-kernel.young'
}

@test "the times of the pair are the same in install --json and in both receipts, and as documented" {
	knob skip-bench
	run --separate-stderr ungil install 3.99.1 --json
	assert_exit 0
	echo "$output" >report
	"$UNGIL" help --man >manual
	"$UNGIL" help bench >help
	run python3 - "$UNGIL_ROOT"/versions/*/ungil.json <<-'END'
		import json, re, sys
		bench = json.load(open("report"))["bench"]
		for receipt in sys.argv[1:]:
		    assert json.load(open(receipt))["bench"].keys() == bench.keys(), receipt
		manual = open("manual").read()
		members = re.search(r"\n\.B bench\n(\.BR format.*?)\n\.TP", manual, re.S).group(1)
		while (outer := re.sub(r"\{[^{}]*\}|\([^()]*\)", "", members)) != members: # what is inside of others
		    members = outer
		missing = [k for k in bench if k not in re.findall(r"[a-z_]+", members)]
		assert not missing, missing
		told = re.findall(r"[a-z_]+", open("help").read())
		assert bench["format"] == 2 and not [k for k in bench if k not in told]
	END
	assert_exit 0
}

@test "nothing to verify is no proof: exit 1" {
	run ungil verify --root "$PWD/none"
	assert_exit 1
	assert_output --partial "nothing is installed in $PWD/none"
	run ungil verify --files --root "$PWD/none"
	assert_exit 1
}
