# A lock file makes the same interpreters elsewhere, or says which input, digest or line is the reason why not.

load helpers

setup() {
	common_setup
	mini_upstream
	PLATFORM=$(uname -m)-linux-gnu
	BUNDLES=$XDG_CACHE_HOME/ungil/bundles
}

install_mini() { # ARGUMENT...
	run ungil install "$@" --no-bench
	assert_exit 0
}

# locked [ARGUMENT...]: the pair is installed and ungil.lock is here
locked() {
	install_mini "${@:-3.99.1}" --preset quick
	run ungil lock
	assert_exit 0
}

# value SECTION KEY: of ungil.lock
value() { sed -n "/^\[$1\]/,/^\[/s/^$2 = //p" ungil.lock; }

# other PLATFORM: the lock, as another machine would have written it
other() { sed -i "s/$PLATFORM/$1/" ungil.lock; }

# without_bundles: what is locked has to be built
without_bundles() { rm -rf "$BUNDLES"; }

elsewhere() { # ARGUMENT...: install --locked, below another root
	run ungil install --locked --no-bench --root "$PWD/else" "$@"
}

nothing_elsewhere() {
	[ ! -e else ] || { find else -mindepth 2 | grep . && fail "there is something in else"; }
	true
}

# program NAME: a program that comes first in PATH; its text is on stdin
program() {
	mkdir -p bin && cat >"bin/$1" && chmod +x "bin/$1"
	PATH=$PWD/bin:$PATH
}

# --- lock ---

@test "lock says what was built, from what, and what came of it" {
	locked
	assert_line --regexp "^3\.99\.1t +locked for $PLATFORM, manifest [0-9a-f]{12}$"
	assert_line 'ungil.lock is written'
	run grep '^\[' ungil.lock
	assert_output "[lock]
[release 3.99.1]
[interpreter 3.99.1]
[interpreter 3.99.1t]
[platform 3.99.1 $PLATFORM]
[bundle 3.99.1 $PLATFORM]
[bundle 3.99.1t $PLATFORM]"
	assert_equal "$(value 'release 3.99.1' preset)" quick
	assert_equal "$(value 'release 3.99.1' commit)" "$(sed -n '/pin 3.99.1/,/pin 3.99.2/s/^commit = //p' "$RECIPE")"
	assert_equal "$(value 'interpreter 3.99.1t' variant)" ft
	assert_equal "$(value "platform 3.99.1 $PLATFORM" libc)" "$(getconf GNU_LIBC_VERSION)"
	assert_equal "$(value "bundle 3.99.1t $PLATFORM" compiler)" "$(gcc --version | head -n 1)"
	assert_equal "$(value "bundle 3.99.1t $PLATFORM" program)" "$(command -v gcc)"
	run ungil show 3.99.1t --json
	assert_output --partial "\"inputs\": \"$(value "bundle 3.99.1t $PLATFORM" inputs)\""
	local sum
	ungil pack 3.99.1t
	sum=$(sha256sum "3.99.1t-$PLATFORM.tar.zst")
	assert_equal "$(value "bundle 3.99.1t $PLATFORM" sha256)" "${sum%% *}"
	cmp "3.99.1t-$PLATFORM.tar.zst" "$BUNDLES/${sum%% *}.tar.zst"
	assert_equal "$(value "bundle 3.99.1t $PLATFORM" manifest)" \
		"$(tar -xOf "3.99.1t-$PLATFORM.tar.zst" 3.99.1t/ungil.mtree | sha256sum | cut -d' ' -f1)"
}

@test "equal interpreters, equal bytes: again, and built apart by others with another umask" {
	locked
	mv ungil.lock first
	run ungil lock
	assert_exit 0
	cmp first ungil.lock
	run ungil lock
	assert_output --partial 'ungil.lock is as it was'
	(umask 077 && export XDG_CACHE_HOME=$PWD/c UNGIL_ROOT=$PWD/r && ungil install 3.99.1 --preset quick --no-bench &&
		ungil lock -o second)
	cmp first second
}

@test "which: SPECs, else those of the file, else all; a release is the pair; --json" {
	install_mini 3.99.1t 3.99.2 --preset quick
	run ungil lock
	run grep -c '^\[bundle' ungil.lock
	assert_output 3
	run ungil lock 3.99t
	assert_exit 0
	run grep '^\[interpreter' ungil.lock
	assert_output '[interpreter 3.99.2t]'
	run ungil lock # as the file says
	run grep '^\[interpreter' ungil.lock
	assert_output '[interpreter 3.99.2t]'
	run --separate-stderr ungil lock 3.99 --json -o other.lock
	run python3 -c 'import json, sys; r = json.loads(sys.argv[1]); print(r["format"], r["file"], r["platform"], r["changed"], [l["name"] for l in r["locked"]])' "$output"
	assert_output "1 other.lock $PLATFORM True ['3.99.2', '3.99.2t']"
}

@test "what is not installed is not locked: exit 1, and no file" {
	run ungil lock
	assert_exit 1
	assert_output --partial "nothing is installed below $UNGIL_ROOT"
	install_mini 3.99.1t --preset quick
	run ungil lock 3.99.1
	assert_exit 1
	assert_output --partial '3.99.1 is not installed, and a release means the pair'
	assert_output --partial '"ungil install 3.99.1" first'
	run ungil lock 3.99.2t
	assert_exit 1
	assert_output --partial '3.99.2t is not installed'
	run ungil lock 3.98
	assert_exit 1
	run ungil lock three
	assert_exit 2
	run ls
	assert_output ''
	ungil lock && ungil remove 3.99.1t && run ungil lock
	assert_exit 1
	assert_output --partial '3.99.1t is not installed, and ungil.lock names it'
}

@test "what was changed is not locked: exit 5" {
	install_mini 3.99.1t --preset quick
	echo '# edited' >>"$UNGIL_ROOT/versions/3.99.1t/lib/python3.99t/os.py"
	run ungil lock
	assert_exit 5
	assert_output --partial '1 of its files is not as installed: lib/python3.99t/os.py'
	assert_file_not_exist ungil.lock
}

@test "two of one release that were built from different things do not go into one lock: exit 1" {
	install_mini 3.99.1 --preset quick
	install_mini 3.99.1t --preset release --force
	run ungil lock
	assert_exit 1
	assert_output --partial '3.99.1t was made with another preset than the rest of 3.99.1: release, and quick'
}

@test "what was built on trust is not locked: exit 1" {
	install_mini 3.99.1t --preset quick --unpinned --source "$MINI/git/cpython.git"
	run ungil lock
	assert_exit 1
	assert_output --partial '3.99.1t was built from a source that no pin covers (--unpinned)'
	assert_file_not_exist ungil.lock
	ungil install 3.99.1t --preset quick --no-bench --root "$PWD/else"
	ungil lock --root "$PWD/else"
	run ungil lock --check
	assert_exit 5
	assert_output --partial '3.99.1t: receipt: the lock has one that says what it was built from, this machine 3.99.1t was built from a source that no pin'
}

# --- several platforms ---

@test "another platform is added, and those that are there stay as they are" {
	locked
	other aarch64-linux-musl
	cp ungil.lock before
	run ungil lock
	assert_exit 0
	run grep -c "^\[bundle .*$PLATFORM" ungil.lock
	assert_output 2
	run diff before ungil.lock
	refute_output --regexp '^<'
	cp ungil.lock both
	ungil lock
	cmp both ungil.lock
}

@test "added only to the same interpreters from the same recipe, preset and engine; the file stays: exit 1" {
	locked
	other aarch64-linux-musl
	cp ungil.lock before
	run ungil lock 3.99.1t
	assert_exit 1
	assert_output --partial 'ungil.lock locks 3.99.1, 3.99.1t, for other platforms too; here it would be 3.99.1t'
	install_mini 3.99.1 --preset release --force
	run ungil lock
	assert_exit 1
	assert_output --partial '3.99.1: preset: the lock has quick, this machine release'
	sed -i 's/^recipe = .*/recipe = 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/; s/^engine = .*/engine = 77/' ungil.lock
	run ungil lock
	assert_output --partial '3.99.1: engine: the lock has 77, this machine'
	assert_output --partial '3.99.1t: recipe: the lock has 0123456789ab, this machine'
	mv before ungil.lock
	install_mini 3.99.2 --preset quick
	run ungil lock 3.99.2
	assert_exit 1
	assert_output --partial 'ungil.lock locks 3.99.1, 3.99.1t, for other platforms too; here it would be 3.99.2, 3.99.2t'
	assert_file_contains ungil.lock 'aarch64-linux-musl'
}

# --- install --locked ---

@test "elsewhere: from the bundle in the cache; then there is nothing to do; both are what the lock names" {
	locked
	elsewhere
	assert_exit 0
	assert_line --regexp "^3\.99\.1t +installed +$PWD/else/versions/3\.99\.1t$"
	run ungil show 3.99.1t --json --root "$PWD/else"
	assert_output --partial '"provider": "bundle"'
	rm -rf "$XDG_CACHE_HOME" "$MINI/git" "$MINI/tarballs"
	elsewhere
	assert_exit 0
	assert_line --regexp '^3\.99\.1 +already installed'
	assert_line --regexp '^3\.99\.1t +already installed'
	run ungil install --locked
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +already installed'
	run ungil lock --check
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +is what the lock names'
	run ungil lock --check --root "$PWD/else"
	assert_exit 0
	cp ungil.lock before
	ungil lock --root "$PWD/else" # the bundle is not asked what it was built with
	cmp before ungil.lock
}

@test "without the bundle it is built, and is what the lock names" {
	locked
	without_bundles
	export XDG_CACHE_HOME=$PWD/c
	elsewhere ungil.lock
	assert_exit 0
	run ungil lock --check --root "$PWD/else"
	assert_exit 0
	run ungil show 3.99.1t --json --root "$PWD/else"
	assert_output --partial "\"canonical\": \"$(value "bundle 3.99.1t $PLATFORM" manifest)\""
	run ungil pack 3.99.1t --root "$PWD/else" -o out.tar.zst
	assert_equal "$(sha256sum out.tar.zst | cut -d' ' -f1)" "$(value "bundle 3.99.1t $PLATFORM" sha256)"
}

@test "one that is there is left, the other is brought" {
	locked
	ungil install 3.99.1 --variant gil --preset quick --no-bench --root "$PWD/else"
	without_bundles
	elsewhere
	assert_exit 0
	assert_line --regexp '^3\.99\.1 +already installed'
	assert_line --regexp '^3\.99\.1t +installed'
}

@test "what is there and is something else is replaced, also where it says the same of itself" {
	locked
	knob huge 1
	ungil install 3.99.1t --preset quick --no-bench --root "$PWD/else" --force
	unknob huge
	elsewhere
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +installed'
	run ungil lock --check --root "$PWD/else"
	assert_exit 0
}

@test "what is there and was damaged since is told, and brought again; what was added to it stays no reason" {
	locked
	elsewhere
	assert_exit 0
	local library=else/versions/3.99.1t/lib/python3.99t
	touch "$library/site-packages/added.py"
	elsewhere
	assert_line --regexp '^3\.99\.1t +already installed'
	chmod u+w "$library/os.py" && echo '# x' >>"$library/os.py"
	run ungil lock --check --root "$PWD/else"
	assert_exit 5
	elsewhere
	assert_exit 0
	assert_output --partial '3.99.1t: 1 file is not as installed (lib/python3.99t/os.py'
	assert_line --regexp '^3\.99\.1t +installed'
	run ungil lock --check --root "$PWD/else"
	assert_exit 0
}

@test "a damaged bundle in the cache is deleted, and what it held is built" {
	locked
	local file
	file=$BUNDLES/$(value "bundle 3.99.1t $PLATFORM" sha256).tar.zst
	echo >>"$file"
	elsewhere
	assert_exit 0
	assert_output --partial "$file is damaged"
	assert_file_not_exist "$file"
}

@test "a sha256 of another bundle is told by file and line: exit 5, nothing is installed" {
	locked
	sed -i "s/$(value "bundle 3.99.1t $PLATFORM" sha256)/$(value "bundle 3.99.1 $PLATFORM" sha256)/" ungil.lock
	elsewhere
	assert_exit 5
	assert_output --regexp "ungil.lock:[0-9]+: \[bundle 3.99.1t $PLATFORM\] contradicts itself: the bundle of this sha256 is of 3.99.1,"
	nothing_elsewhere
}

@test "no such platform: exit 5, and which there are" {
	locked
	other riscv64-linux-musl
	elsewhere
	assert_exit 5
	assert_output --partial "ungil.lock has no $PLATFORM for 3.99.1"
	assert_output --partial 'it has riscv64-linux-musl'
	nothing_elsewhere
}

@test "another compiler is told before anything is built: exit 5" {
	locked
	without_bundles
	program gcc <<-END
		#!/bin/sh
		if [ "\$1" = --version ]; then echo 'gcc (Elsewhere 14.2.0-1) 14.2.0'; exit; fi
		exec $(command -v gcc) "\$@"
	END
	knob fail-configure
	elsewhere
	assert_exit 5
	assert_output --partial "3.99.1t: compiler: the lock has $(/usr/bin/gcc --version | head -n 1), this machine gcc (Elsewhere 14.2.0-1) 14.2.0"
	refute_output --partial inputs
	nothing_elsewhere
}

@test "another compiler that calls itself the same is told by its programs: exit 5" {
	locked
	without_bundles
	sed -i 's/^cc1 = .*/cc1 = build-id:0123456789012345678901234567890123456789/' ungil.lock
	elsewhere
	assert_exit 5
	assert_output --partial '3.99.1t: cc1: the lock has build-id:012345678901, this machine build-id:'
	refute_output --partial toolchain
	sed -i '/^cc1 =/d; s/^toolchain = .*/toolchain = 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/' ungil.lock
	elsewhere
	assert_exit 5
	assert_output --partial '3.99.1t: toolchain: the lock has 0123456789ab, this machine '
}

@test "another library is told before anything is built: exit 5" {
	export LDFLAGS=-Wl,--no-as-needed\ -lz
	locked
	assert_equal "$(value "platform 3.99.1 $PLATFORM" libz.so.1)" "$(pkg-config --modversion zlib)"
	without_bundles
	program pkg-config <<-END
		#!/bin/sh
		[ "\$2" != zlib ] || { echo 9.9.9; exit; }
		exec $(command -v pkg-config) "\$@"
	END
	elsewhere
	assert_exit 5
	assert_output --regexp '3\.99\.1: libz\.so\.1: the lock has 1\.[0-9.]+, this machine 9\.9\.9'
	nothing_elsewhere
}

@test "another recipe, engine, environment, program, libc: each is told with both values: exit 5" {
	locked
	without_bundles
	set_key 'variant ft' configure '--disable-gil --with-word'
	elsewhere
	assert_exit 5
	assert_output --regexp '3\.99\.1t: recipe: the lock has [0-9a-f]{12}, this machine [0-9a-f]{12}'
	refute_output --partial '3.99.1: recipe'
	set_key 'variant ft' configure --disable-gil
	CFLAGS=-O1 elsewhere
	assert_exit 5
	assert_output --partial '3.99.1t: environment: the lock has none, this machine CFLAGS=-O1'
	sed -i 's/^engine = .*/engine = 77/; s/^libc = .*/libc = glibc 2.99/; s/^program = .*/program = \/opt\/cc/' ungil.lock
	elsewhere
	assert_output --partial '3.99.1: engine: the lock has 77, this machine '
	assert_output --partial '3.99.1: libc: the lock has glibc 2.99, this machine glibc 2.'
	assert_output --partial '3.99.1t: program: the lock has /opt/cc, this machine /usr/bin/gcc'
	nothing_elsewhere
}

@test "a release, a preset that the recipe here does not have: said, nothing is built" {
	locked
	without_bundles
	sed -i 's/^preset = quick/preset = slow/' ungil.lock
	elsewhere
	assert_exit 2
	assert_output --partial '3.99.1 cannot be built as ungil.lock says: series 3.99 has no preset "slow"'
	sed -i 's/^preset = slow/preset = quick/' ungil.lock
	sed -i '/^\[pin 3.99.1\]/,/^$/d' "$RECIPE"
	elsewhere
	assert_exit 2
	assert_output --partial 'does not pin release 3.99.1'
}

@test "training data is an input: without it exit 5, with it the same is built" {
	install_mini 3.99.1t --preset release
	ungil lock
	local key
	key=$(value "bundle 3.99.1t $PLATFORM" training)
	ungil training export "$PWD/data.tar.zst"
	mv "$XDG_CACHE_HOME" kept # to the same path: the miniature's optimised module names where it was built
	elsewhere
	assert_exit 5
	assert_output --partial "3.99.1t: training: the lock has ${key:0:12}, this machine none"
	assert_output --partial '"ungil training export" where it was built and "ungil training import" here'
	nothing_elsewhere
	ungil training import "$PWD/data.tar.zst"
	elsewhere
	assert_exit 0
	run ungil lock --check --root "$PWD/else"
	assert_exit 0
}

@test "a result that is another is not installed: exit 5, with the files that differ where the bundle is at hand" {
	locked
	echo 'MORE = 1' >extra.py
	knob huge 1
	elsewhere --force
	assert_exit 5
	assert_output --regexp "3\.99\.1 was built, but is not what ungil\.lock names: manifest [0-9a-f]{12}, not $(value "bundle 3.99.1 $PLATFORM" manifest | cut -c1-12); it was not"
	assert_output --partial 'its inputs are the same, but 1 file is not: '
	UNGIL_ROOT=$PWD/else assert_nothing_installed
	without_bundles
	elsewhere --keep-failed
	assert_exit 5
	assert_output --partial 'is not in the cache to see which files are not'
	assert_dir_exist else/stage/failed-3.99.1
}

@test "--locked decides what else could be asked for; it takes one file, which must be there: exit 2" {
	local option
	for option in --preset=quick --variant=ft --unpinned --upgrade; do
		run ungil install --locked "$option"
		assert_exit 2
		assert_output --partial "install --locked: ${option%%=*} cannot be given with it"
	done
	run ungil install --locked a b
	assert_exit 2
	assert_output --partial '"b" is one argument too many'
	run ungil install --locked
	assert_exit 2
	assert_output --partial "there is no lock file $PWD/ungil.lock"
	run ungil lock --check a b
	assert_exit 2
	run ungil lock --check
	assert_exit 2
	run ungil install --locked .
	assert_exit 2
	assert_output --partial '. is no file'
}

# --- lock --check ---

@test "check: not installed, built from something else, edited: each is told, exit 5; --json says the same" {
	locked
	run ungil lock --check --root "$PWD/else"
	assert_exit 5
	assert_output --partial '3.99.1t: installed: the lock has yes, this machine no'
	ungil install 3.99.1 --preset release --no-bench --root "$PWD/else"
	run --separate-stderr ungil lock --check --json --root "$PWD/else" ungil.lock
	assert_exit 5
	run python3 -c '
import json, sys
r = json.loads(sys.argv[1])
print(r["format"], r["file"], r["platform"], r["equal"], *r["checked"])
for d in r["differences"]: print(d["where"], d["what"], d["lock"], d["here"])' "$output"
	assert_line --index 0 "1 ungil.lock $PLATFORM False 3.99.1 3.99.1t"
	assert_line --index 1 '3.99.1 preset quick release'
	assert_line --regexp '^3\.99\.1t training None [0-9a-f]{64}$'
	assert_line --regexp '^3\.99\.1t manifest [0-9a-f]{64} [0-9a-f]{64}$'
	refute_output --partial inputs
	echo '# edited' >>"$UNGIL_ROOT/versions/3.99.1t/lib/python3.99t/os.py"
	run ungil lock --check
	assert_exit 5
	assert_output --partial '1 of its files is not as installed: lib/python3.99t/os.py'
}

@test "check: the same inputs, other files: they are named where the cache has the bundle; no platform" {
	locked
	knob huge 1
	install_mini 3.99.1t --preset quick --force
	run ungil lock --check
	assert_exit 5
	assert_output --regexp '3\.99\.1t: manifest: the lock has [0-9a-f]{12}, this machine [0-9a-f]{12}; not the same: .+'
	other riscv64-linux-musl
	run ungil lock --check
	assert_exit 5
	assert_output --partial "3.99.1: platform: the lock has riscv64-linux-musl, this machine $PLATFORM"
}

# --- the file ---

# refused LINE MESSAGE [HINT]: the lock (in bad.lock) is refused, everywhere, with file and line
refused() {
	run ungil install --locked bad.lock
	assert_exit 2
	assert_output --partial "bad.lock:$1: $2"
	assert_output --partial "${3:-}"
	run ungil lock --check bad.lock
	assert_exit 2
	run ungil lock -o bad.lock
	assert_exit 2
	assert_output --partial "bad.lock:$1: $2"
}

# line PATTERN: its number in ungil.lock
line() { grep -n -m 1 -e "$1" ungil.lock | cut -d: -f1; }

@test "a lock that people spoiled: file, line and what to do: exit 2" {
	locked 3.99.1t
	local n
	n=$(line '^preset')
	sed 's/^preset/presett/' ungil.lock >bad.lock
	refused "$n" '[release 3.99.1] presett: no such key' 'did you mean "preset"?'
	sed "${n}p" ungil.lock >bad.lock
	refused $((n + 1)) '[release 3.99.1] preset: given a second time'
	sed 's/^preset = quick/preset = very quick/' ungil.lock >bad.lock
	refused "$n" '[release 3.99.1] preset = very quick: expected one word'
	sed 's/^preset = quick/preset quick/' ungil.lock >bad.lock
	refused "$n" 'neither a [section], a key = value nor a ; comment'
	n=$(line '^\[release')
	sed '/^preset/d' ungil.lock >bad.lock
	refused "$n" '[release 3.99.1] needs the key preset'
	sed 's/^\[release/[relase/' ungil.lock >bad.lock
	refused "$n" '[relase 3.99.1]: no such section' 'did you mean [release]?'
	sed 's/^\[release 3.99.1/[release three/' ungil.lock >bad.lock
	refused "$n" '[release three]: "three" is no release'
	sed 's/^\[release 3.99.1/[release/' ungil.lock >bad.lock
	refused "$n" '[release]: expected [release RELEASE]'
	cat ungil.lock <(sed -n '/^\[release/,/^$/p' ungil.lock) >bad.lock
	refused $(($(wc -l <ungil.lock) + 1)) '[release 3.99.1]: this section is here a second time'
	n=$(line '^recipe')
	sed 's/^recipe = ./recipe = X/' ungil.lock >bad.lock
	refused "$n" '[interpreter 3.99.1t] recipe = X'
	n=$(line '^\[bundle')
	sed '/^sha256 =/d' ungil.lock >bad.lock
	refused "$n" "[bundle 3.99.1t $PLATFORM] needs the key sha256"
	sed "s/^\[bundle 3.99.1t $PLATFORM/[bundle 3.99.1t windows/" ungil.lock >bad.lock
	refused "$n" '[bundle 3.99.1t windows]: "windows" is no platform'
	sed 's/^libc = .*/& \n zlib = 1/' ungil.lock >bad.lock
	refused $(($(line '^libc') + 1)) 'a line must not begin with white space'
	sed 's/^libc = .*/&\nzlib = 1/' ungil.lock >bad.lock
	refused $(($(line '^libc') + 1)) "[platform 3.99.1 $PLATFORM] zlib: no such key" 'libz.so.1'
}

@test "sections that belong together: file and line of the one that stands alone: exit 2" {
	locked 3.99.1t
	sed '/^\[release/,/^$/d' ungil.lock >bad.lock
	refused "$(grep -n '^\[interpreter' bad.lock | cut -d: -f1)" '[interpreter 3.99.1t] needs a [release 3.99.1]'
	sed '/^\[interpreter/,/^$/d' ungil.lock >bad.lock
	refused "$(grep -n '^\[release' bad.lock | cut -d: -f1)" '[release 3.99.1] has no [interpreter NAME]'
	sed '/^\[bundle/,$d' ungil.lock >bad.lock
	refused "$(grep -n '^\[release' bad.lock | cut -d: -f1)" '[release 3.99.1] has no [bundle NAME PLATFORM]'
	sed '/^\[platform/,/^$/d' ungil.lock >bad.lock
	refused "$(grep -n '^\[bundle' bad.lock | cut -d: -f1)" "[bundle 3.99.1t $PLATFORM] needs a [platform 3.99.1 $PLATFORM]"
	sed "s/^\[platform/[platform 3.99.1 mips-linux-gnu]\n\n&/" ungil.lock >bad.lock
	refused "$(line '^\[platform')" '[platform 3.99.1 mips-linux-gnu] needs a [bundle 3.99.1t mips-linux-gnu]'
}

@test "what git, editors and the future do to it: exit 2" {
	locked 3.99.1t
	sed 's/^format = 1/format = 2/' ungil.lock >bad.lock
	refused "$(line '^format')" 'it was written by a newer ungil: its format is 2, this ungil knows 1'
	sed 's/^format = 1/format = x/' ungil.lock >bad.lock
	refused "$(line '^format')" '[lock] format = x: expected 1'
	sed '/^format/d' ungil.lock >bad.lock
	refused "$(grep -n '^\[release' bad.lock | cut -d: -f1)" '[release 3.99.1]: no [lock] with a format comes before it'
	sed 's/^preset = .*/<<<<<<< HEAD\n&\n=======\npreset = release\n>>>>>>> theirs/' ungil.lock >bad.lock
	refused "$(line '^preset')" 'a merge conflict that nobody has resolved' 'take the side that is wanted'
	sed 's/$/\r/' ungil.lock >bad.lock
	refused 1 'this line ends with a carriage return (CRLF)' '.gitattributes'
	sed 's/^preset = .*/preset = qu\x01ick/' ungil.lock >bad.lock
	refused "$(line '^preset')" 'there is a control character (0x01)'
	sed 's/^preset = .*/preset = qu\x00ick/' ungil.lock >bad.lock
	refused "$(line '^preset')" 'there is a control character (0x00)'
	sed 's/^preset = .*/preset = qu\xffick/' ungil.lock >bad.lock
	refused "$(line '^preset')" 'this is not UTF-8 (byte 0xff)'
	sed "s/^preset = .*/preset = $(printf '%0200d' 0)/" ungil.lock >bad.lock
	refused "$(line '^preset')" 'this line is too long'
	: >bad.lock
	refused 1 'it is no lock file: there is no [lock]' '"ungil lock" writes such files'
	printf '[lock]\nformat = 1\n' >bad.lock
	refused 1 'it locks nothing'
	printf 'format = 1\n' >bad.lock
	refused 1 'format: it stands before the first [section]'
	head -c 5000000 /dev/zero | tr '\0' x >bad.lock
	run ungil install --locked bad.lock
	assert_exit 2
	assert_output --partial 'bad.lock is no lock file: it has 5000000 bytes, 1048576 are allowed'
	assert_file_contains ungil.lock '^format = 1$'
}

@test "a lock that cannot be written or read: exit 1; what was there stays" {
	locked 3.99.1t
	run ungil lock -o none/ungil.lock
	assert_exit 1
	assert_output --partial 'none/ungil.lock'
	if [ "$(id -u)" -ne 0 ]; then # root reads everything
		chmod 000 ungil.lock
		run ungil lock --check
		assert_exit 1
	fi
}

# --- the cache ---

@test "clean leaves the bundles; clean --all deletes them" {
	locked 3.99.1t
	run ungil clean
	assert_exit 0
	assert_dir_exist "$BUNDLES"
	run ungil clean --all
	assert_exit 0
	assert_output --partial "$BUNDLES"
	assert_dir_not_exist "$BUNDLES"
}

# --- built twice ---

@test "check-reproducible: built twice, the same; the digest is told, and nothing of the second build stays" {
	run ungil install 3.99.1 --preset quick --no-bench --check-reproducible
	assert_exit 0
	ungil lock
	assert_line --regexp "^3\.99\.1t +built twice, the same: manifest $(value "bundle 3.99.1t $PLATFORM" manifest)$"
	assert_line --regexp "^3\.99\.1 +built twice, the same: manifest $(value "bundle 3.99.1 $PLATFORM" manifest)$"
	run ls "$XDG_CACHE_HOME/ungil/pack"
	assert_output ''
	run --separate-stderr ungil install 3.99.1t --preset quick --no-bench --check-reproducible --json
	run python3 -c 'import json, sys; r = json.loads(sys.argv[1]); print(r["unchanged"][0]["name"], r["reproducible"][0]["manifest"])' "$output"
	assert_output "3.99.1t $(value "bundle 3.99.1t $PLATFORM" manifest)"
}

@test "check-reproducible: what differs is named, by diffoscope in detail: exit 5" {
	program gcc <<-END
		#!/bin/sh
		case "\$*" in *-DNUMBER=1*) exec $(command -v gcc) "\$@" -UNUMBER -DNUMBER=\$\$ ;; esac
		exec $(command -v gcc) "\$@"
	END
	export CC=gcc
	run ungil install 3.99.1t --preset quick --no-bench --check-reproducible
	assert_exit 5
	assert_output --partial '3.99.1t is not reproducible here: built twice, 1 file differs: lib/python3.99t/lib-dynload/_mini.'
	if ! command -v diffoscope >/dev/null; then assert_output --partial 'diffoscope, where it is installed'; fi
	run ungil verify --files 3.99.1t
	assert_exit 0
	# one that takes the same arguments
	program diffoscope <<-'END'
		#!/bin/sh
		[ "$1 $2 $3" = '--no-progress --exclude-directory-metadata=yes --text' ] || exit 2
		diff -r "$5" "$6" >"$4"
	END
	run ungil install 3.99.1t --preset quick --no-bench --check-reproducible
	assert_exit 5
	assert_output --partial "diffoscope tells in what: $XDG_CACHE_HOME/ungil/log/3.99.1t-diffoscope.txt"
	assert_file_contains "$XDG_CACHE_HOME/ungil/log/3.99.1t-diffoscope.txt" '_mini.cpython-399t'
	program diffoscope <<<'#!/bin/sh
echo "diffoscope: no such option"; exit 2'
	run ungil install 3.99.1t --preset quick --no-bench --check-reproducible
	assert_exit 5
	assert_output --partial 'diffoscope wrote nothing: diffoscope: no such option'
	assert_output --partial 'is not reproducible here'
}

@test "check-reproducible: with training data, which the second build gets; a build that fails says where" {
	run ungil install 3.99.1t --preset release --no-bench --check-reproducible
	[ "$status" -eq 0 ] || assert_output --partial '_mini.cpython' # the miniature's optimised module names where it was built
	refute_output --regexp 'train(ing)? anew'
	run grep -c '3.99.1t: train$' <<<"$output"
	assert_output 1
	run ungil install 3.99.2t --preset quick --no-bench
	knob fail-compile
	run ungil install 3.99.2t --preset quick --no-bench --check-reproducible
	assert_exit 6
	assert_output --partial 'the second build: '
}

@test "check-reproducible: not with a lock, timings or a bundle: exit 2" {
	local arguments
	for arguments in --locked '--timings t.json' b.tar.zst oci://localhost/a:b; do
		# shellcheck disable=SC2086 # several words
		run ungil install --check-reproducible $arguments
		assert_exit 2
		assert_output --regexp 'install --check-reproducible: (--locked|--timings|a bundle) cannot be given with it'
	done
}

@test "from a registry: by its manifest, on another root, and not built; one that is not there is built" {
	# shellcheck source=tests/upstream/registry.bash
	source "$TESTS/upstream/registry.bash"
	need_registry
	start_registry
	export UNGIL_REGISTRY=oci://$REGISTRY/lab/python
	run ungil install 3.99.1 --preset quick --no-bench --push
	assert_exit 0
	run ungil lock 3.99.1
	assert_exit 0
	rm -r "$XDG_CACHE_HOME/ungil/bundles" "$MINI/control/seen"
	run ungil install --locked --root "$PWD/second"
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +installed'
	assert_not_exist "$MINI/control/seen"
	run ungil lock --check --root "$PWD/second"
	assert_exit 0
	# the machine of another compiler takes it, too: nothing is built here
	printf '#!/bin/sh\ncase $* in --version) echo "gcc (another one) 99" ;; *) exec gcc "$@" ;; esac\n' >mycc && chmod +x mycc
	CC=$PWD/mycc run ungil install --locked --root "$PWD/third"
	assert_exit 0
	# what the registry has not
	stop_registry
	run ungil install --locked --root "$PWD/fourth" --no-bench
	assert_exit 0
	assert_output --partial 'no connection'
	assert_file_exist "$MINI/control/seen"
	run ungil lock --check --root "$PWD/fourth"
	assert_exit 0
}
