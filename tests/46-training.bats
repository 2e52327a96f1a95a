# What a profile-guided build counted is kept, carried to other machines and never used when it is damaged.

load helpers

setup() {
	common_setup
	mini_upstream
	STORE=$XDG_CACHE_HOME/ungil/training
}

# training NAME KEY [ROOT]: of its receipt
training() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["build"]["training"][sys.argv[2]])' "${3:-$UNGIL_ROOT}/versions/$1/ungil.json" "$2"; }
# release NAME [OPTION...]; stages: what it went through
release() { run ungil install "$1" --preset release --no-bench --timings "$PWD/timings.json" "${@:2}"; }
stages() { python3 -c 'import json; print(*(s["stage"] for s in json.load(open("timings.json"))["spans"] if s["lane"].startswith("3.")))'; }
key() { ls "$STORE"; }

@test "an equal build into another root is optimised by the stored data and trains nothing" {
	release 3.99.1t
	assert_exit 0
	assert_regex "$(stages)" 'instrument train make'
	release 3.99.1t --root "$PWD/second"
	assert_exit 0
	assert_regex "$(stages)" '^copy configure freeze make install'
	for fact in key origin tests missing; do
		assert_equal "$(training 3.99.1t $fact "$PWD/second")" "$(training 3.99.1t $fact)"
	done
	assert_equal "$(training 3.99.1t key)" "$(key)"
	run grep -e '-Wmissing-profile\]' "$XDG_CACHE_HOME/ungil/log/3.99.1t-make.log"
	refute_output --partial stub.gcda
	cmp "$UNGIL_ROOT/versions/3.99.1t/bin/python3.99t" second/versions/3.99.1t/bin/python3.99t
	run "$UNGIL" verify --root "$PWD/second"
	assert_exit 0
}

@test "each variant has data of its own" {
	release 3.99.1
	assert_exit 0
	run ungil training list --json
	assert_exit 0
	printf '%s\n' "$output" >list.json
	run python3 -c 'import json; print(*sorted((t["name"], t["origin"]) for t in json.load(open("list.json"))["training"]))'
	assert_output "('3.99.1', 'trained here') ('3.99.1t', 'trained here')"
}

@test "exported and imported elsewhere, it trains a lab once; the receipt says so" {
	release 3.99.1t
	run ungil training export lab.tar.zst 3.99.1t
	assert_exit 0
	assert_output --partial "lab.tar.zst: training data of 1 build"
	run ungil training export again.tar.zst
	cmp lab.tar.zst again.tar.zst
	export XDG_CACHE_HOME=$PWD/lab
	run ungil training import lab.tar.zst
	assert_exit 0
	assert_output --partial imported
	run ungil training import lab.tar.zst
	assert_exit 0
	assert_output --partial "is there already and stays as it is"
	release 3.99.1t --root "$PWD/second"
	assert_exit 0
	refute_regex "$(stages)" train
	assert_equal "$(training 3.99.1t origin "$PWD/second")" imported
}

@test "another compiler: a note says what differs, and the build trains anew" {
	release 3.99.1t
	mkdir compiler
	cat >compiler/cc <<-END
		#!/bin/sh
		[ "\$*" != --version ] || exec echo 'cc (Made up) 99.1.0'
		exec $(command -v cc) "\$@"
	END
	chmod +x compiler/cc
	old=$(key)
	PATH=$PWD/compiler:$PATH release 3.99.1t --root "$PWD/second"
	assert_exit 0
	assert_output --partial "3.99.1t: training anew: the nearest training data (${old:0:12}) differs: compiler version "
	assert_output --partial " there, cc (Made up) 99.1.0 here; compiler program "
	assert_output --partial " there, $PWD/compiler/cc here"
	assert_regex "$(stages)" 'instrument train make'
	[ "$(key | wc -l)" = 2 ]
	new=$(key | grep -v "$old")
	ungil training export both.tar.zst >/dev/null
	XDG_CACHE_HOME=$PWD/lab CC=cc run ungil training import both.tar.zst
	assert_exit 0
	assert_line --partial "${new:0:12} is kept; nothing here will use it with this compiler: compiler version cc (Made up) 99.1.0 there, "
	refute_output --partial "${old:0:12} is kept"
}

@test "another source, other flags: the data of the old ones is not used" {
	release 3.99.1t
	CFLAGS=-O1 release 3.99.1t --root "$PWD/second"
	assert_exit 0
	assert_output --partial "training anew"
	assert_regex "$(stages)" train
	release 3.99.2t
	assert_exit 0
	assert_regex "$(stages)" train
}

@test "a damaged file of it: warned, removed, trained anew" {
	release 3.99.1t
	file=$(find "$STORE" -name stub.gcda)
	printf X | dd of="$file" bs=1 seek=20 conv=notrunc status=none
	release 3.99.1t --root "$PWD/second"
	assert_exit 0
	assert_output --partial "stub.gcda is not what was stored: its SHA-256 differs; it is removed"
	assert_regex "$(stages)" 'instrument train make'
}

# The digests are right and the data is not: only the compiler can tell.
@test "data that the compiler refuses is dropped, and the build trains itself" {
	release 3.99.1t
	entry=$STORE/$(key)
	python3 - "$entry" <<-'EOF'
		import hashlib, json, sys
		entry = sys.argv[1]
		facts = json.load(open(f"{entry}/training.json"))
		for file in facts["files"]:
		    if file["path"] == "stub.gcda":
		        data = bytearray(open(f"{entry}/data/stub.gcda", "rb").read())
		        data[4:8] = b"*99A"  # the version of gcov
		        open(f"{entry}/data/stub.gcda", "wb").write(data)
		        file["sha256"] = hashlib.sha256(data).hexdigest()
		json.dump(facts, open(f"{entry}/training.json", "w"))
	EOF
	release 3.99.1t --root "$PWD/second"
	assert_exit 0
	assert_output --partial "3.99.1t: the stored training data (trained here) does not fit"
	assert_regex "$(stages)" 'freeze make instrument train make install'
	assert_equal "$(training 3.99.1t origin "$PWD/second")" "trained here"
	assert_equal "$(training 3.99.1t missing "$PWD/second")" "$(training 3.99.1t missing)"
	release 3.99.1t --root "$PWD/third"
	refute_regex "$(stages)" train
}

@test "killed while the optimised build runs: the next run goes on with the stored data" {
	release 3.99.1t
	knob sleep-object 30
	rm "$XDG_CACHE_HOME"/ungil/log/*
	background "$UNGIL" install 3.99.1t --preset release --no-bench --root "$PWD/second"
	within 60 grep -qs -e 'mini.sh object\|-fprofile-use' "$XDG_CACHE_HOME/ungil/log/3.99.1t-make.log"
	kill -KILL "$PID"
	wait "$PID" || true
	unknob sleep-object
	release 3.99.1t --root "$PWD/second"
	assert_exit 0
	refute_regex "$(stages)" 'freeze|train'
	assert_equal "$(training 3.99.1t tests "$PWD/second")" "6 of 6"
	kill_what_is_left # jobs of the killed one
}

@test "clean leaves it alone, clean --training takes only it, clean --all everything" {
	release 3.99.1t
	run ungil clean
	assert_exit 0
	assert_dir_exist "$STORE"
	run ungil clean --training --dry-run
	assert_output --partial training
	assert_dir_exist "$STORE"
	mkdir -p "$XDG_CACHE_HOME/ungil/git"
	run ungil clean --training
	assert_exit 0
	assert_dir_not_exist "$STORE"
	assert_dir_exist "$XDG_CACHE_HOME/ungil/git"
	mkdir "$STORE"
	run ungil clean --all
	assert_dir_not_exist "$STORE"
}

@test "list and remove: by name, by key, by the first digits of one" {
	run ungil training list
	assert_exit 0
	assert_output --partial "there is no training data"
	release 3.99.1
	run ungil training list
	assert_line --regexp '^[0-9a-f]{12} +3\.99\.1 +ft +release +g?cc .* trained here *$'
	run ungil training remove 3.99.1t
	assert_exit 0
	assert_output --regexp '^[0-9a-f]{12} removed$'
	run ungil training remove "$(key | cut -c1-6)"
	assert_exit 0
	assert_equal "$(key)" ''
	run ungil training remove 3.99.1t
	assert_exit 1
	assert_output --partial 'there is no training data "3.99.1t"'
}

@test "wrong usage says what there is, exit 2" {
	for words in '' 'lost' 'export' 'export 3.99.1t' 'import' 'import a b' 'remove' 'list x'; do
		# shellcheck disable=SC2086 # words
		run ungil training $words
		assert_exit 2
	done
	UNGIL_TRAINING_MAX=lots release 3.99.1t
	assert_exit 2
	assert_output --partial UNGIL_TRAINING_MAX
	assert_nothing_installed
}

@test "an archive that is damaged or hostile is refused, exit 5, and the store stays as it was" {
	release 3.99.1t
	ungil training export good.tar.zst >/dev/null
	ungil training export good.tar.gz >/dev/null
	export XDG_CACHE_HOME=$PWD/lab
	head -c 300 good.tar.zst >short.tar.zst
	python3 - <<-'EOF'
		import gzip, io, tarfile
		good = gzip.open("good.tar.gz").read()

		def make(name, change):
		    out = io.BytesIO()
		    with tarfile.open(fileobj=io.BytesIO(good)) as old, tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as new:
		        for info in old:
		            for item, data in change(info, old.extractfile(info).read()):
		                item.size = len(data)
		                new.addfile(item, io.BytesIO(data))

		def member(name, kind=tarfile.REGTYPE, link=""):
		    info = tarfile.TarInfo(name)
		    info.type, info.linkname = kind, link
		    return info

		first = [True]

		def beside(extra, data=b"x"):
		    def change(info, content):
		        yield info, content
		        if first:
		            first.clear()
		            yield extra, data
		    first[:] = [True]
		    return change

		def flip(info, content):
		    if info.name.endswith("stub.gcda"):
		        content = content[:-1] + bytes([content[-1] ^ 1])
		    yield info, content

		def other_key(info, content):
		    info.name = "0" * 64 + info.name[64:]
		    yield info, content

		key = tarfile.open(fileobj=io.BytesIO(good)).next().name[:64]
		make("flipped.tar", flip)
		make("key.tar", other_key)
		make("up.tar", beside(member("../up.gcda")))
		make("absolute.tar", beside(member("/tmp/ungil-hostile.gcda")))
		make("beside.tar", beside(member(f"{key}/data/not-listed.gcda")))
		make("program.tar", beside(member(f"{key}/run.sh")))
		make("link.tar", beside(member(f"{key}/data/link.gcda", tarfile.SYMTYPE, "/etc/passwd"), b""))
		make("other.tar", beside(member("readme")))
		make("device.tar", beside(member(f"{key}/data/null.gcda", tarfile.CHRTYPE), b""))
		open("text.tar", "w").write("no archive at all\n")
	EOF
	for archive in short.tar.zst flipped.tar key.tar up.tar absolute.tar beside.tar program.tar link.tar other.tar device.tar text.tar; do
		run ungil training import "$archive"
		assert_exit 5
		assert_output --partial "$archive"
		assert_equal "$(ls -A lab/ungil/training 2>/dev/null)" ''
	done
	UNGIL_TRAINING_MAX=1K run ungil training import good.tar.zst
	assert_exit 5
	run ungil training import none.tar.zst
	assert_exit 1
	assert_file_not_exist up.gcda
	assert_file_not_exist /tmp/ungil-hostile.gcda
	run ungil training import good.tar.zst
	assert_exit 0
}

@test "a store that others can write to is not used" {
	release 3.99.1t
	chmod g+w "$STORE"
	release 3.99.1t --root "$PWD/second"
	assert_exit 1
	assert_output --partial "$STORE"
	assert_not_exist second/versions/3.99.1t
}

@test "a full disk: the build is done, a warning says that its data is not kept" {
	[ "$(id -u)" = 0 ] || skip "needs to mount a file system"
	mkdir -p "$STORE"
	mount -t tmpfs -o size=40k,mode=755 none "$STORE" || skip "no tmpfs can be mounted"
	trap 'umount "$STORE"' EXIT
	head -c 34k /dev/zero >"$STORE/filler" || true
	release 3.99.1t
	assert_exit 0
	assert_output --partial "3.99.1t: the training data cannot be kept for another build: "
	assert_output --partial "No space left"
	assert_equal "$(ls -A "$STORE")" filler
	umount "$STORE"
	trap - EXIT
}
