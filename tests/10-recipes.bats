# Recipes are data that is checked: a mistake is named with file, line, section and key, and never passed over.

load helpers

setup() {
	common_setup
	mini_upstream
}

# bad MESSAGE-PART...: the recipe is refused with exit 2, and the message has all of these
bad() {
	run ungil recipe check "$RECIPE"
	assert_exit 2
	for part; do assert_output --partial "$part"; done
	run ungil install 3.99
	assert_exit 2
	assert_nothing_installed
}

line_of() { grep -n "$1" "$RECIPE" | cut -d: -f1; }

@test "the miniature's recipe is good, and so is every recipe of the tree" {
	run ungil recipe check "$RECIPE"
	assert_exit 0
	for recipe in "$TOP"/recipes/*.ini; do
		run ungil recipe check "$recipe"
		assert_exit 0
	done
}

@test "an unknown key is named with file, line, section and the nearest key" {
	sed -i 's/^require =/requires =/' "$RECIPE"
	bad "$RECIPE:$(line_of '^requires')" "[modules] requires" '"require"'
}

@test "a repeated key is refused" {
	sed -i 's/^series = 3.99/&\n&/' "$RECIPE"
	bad "$RECIPE:$(($(line_of '^series' | head -n 1) + 1))" "[recipe] series" "second time"
}

@test "an unknown section is refused" {
	printf '\n[varaint d]\nsuffix = d\n' >>"$RECIPE"
	bad "[varaint d]" "variant"
}

@test "a bad value says what was expected" {
	set_key 'pin 3\.99\.1' commit 1234
	bad "[pin 3.99.1] commit" "40"
}

@test "a line over the parser's limit is an error, and not a value cut short" {
	long=$(printf 'x%.0s' $(seq 250))
	set_key modules optional "tkinter $long"
	bad "$RECIPE:$(line_of '^optional')" "199"
}

@test "a provider without its key is refused" {
	sed -i '/^git =/d' "$RECIPE"
	bad "providers" "git"
}

@test "--source names a provider that the recipe has no place for" {
	for provider in git tarball apt; do
		other=git
		if [ $provider = git ]; then other=tarball; fi
		sed -i "/^git =/d; /^tarball =/d; /^apt =/d; s/^providers =.*/providers = $other\n$other = \/none/" "$RECIPE"
		run ungil install 3.99.1 --source $provider
		assert_exit 2
		assert_output --partial "no key $provider"
	done
}

@test "a byte-order mark, an empty file and binary rubbish are refused, and crash nothing" {
	: >"$RECIPE"
	bad "$RECIPE"
	head -c 3000 /dev/urandom >"$RECIPE"
	bad "$RECIPE"
}

@test "a directory in the place of a recipe is wrong usage, and what belongs there is said" {
	mkdir d.ini
	for words in 'install ./' 'install ./d.ini' 'recipe check ./d.ini' 'recipe show d.ini' 'recipe check none.ini'; do
		# shellcheck disable=SC2086
		run ungil $words
		assert_exit 2
		assert_output --partial 'is the path of a recipe'
	done
	rm "$RECIPE"
	mkdir "$RECIPE"
	run ungil install 3.99
	assert_exit 2
	assert_output --partial 'a recipe is a file'
}

@test "an unknown series lists those that exist" {
	run ungil install 3.77
	assert_exit 2
	assert_output --partial "3.77"
	assert_output --partial "3.99"
	assert_nothing_installed
}

@test "an unknown release names the nearest pinned ones" {
	run ungil install 3.99.7
	assert_exit 2
	assert_output --partial "3.99.7"
	assert_output --partial "3.99.2"
}

@test "an unknown variant is refused" {
	run ungil install 3.99.1x
	assert_exit 2
	run ungil install --variant nogil 3.99.1
	assert_exit 2
	assert_output --partial "nogil"
	assert_output --partial "ft"
}

@test "a SPEC as other programs write it is refused with ours" {
	for pair in v3.99.1=3.99.1 python3.99t=3.99t cpython-3.99.1=3.99.1 3,99=3.99 3.99.1T=3.99.1t ' 3.99=3.99'; do
		run ungil install "${pair%=*}"
		assert_exit 2
		assert_output --partial "did you mean ${pair#*=}?"
	done
	run ungil install 3.99t --variant gil
	assert_exit 2
	assert_output --partial 'leave out --variant'
}

@test "verbs and options: the nearest one, other programs' words, no value where none belongs" {
	for pair in instal=install uninstall=remove ls=list version=--version; do
		for words in "${pair%=*}" "help ${pair%=*}"; do
			# shellcheck disable=SC2086
			run ungil $words
			assert_exit 2
			assert_output --partial "did you mean \"ungil ${pair#*=}\"?"
		done
	done
	run ungil --root x list
	assert_exit 2
	assert_output --partial 'a verb comes before --root'
	run ungil list --json=yes
	assert_exit 2
	assert_output --partial '--json takes no value'
}

# advised MESSAGE-PART ADVICE-PART WORD...: wrong usage, told in one line, and in a second one what to do
advised() {
	local message=$1 advice=$2
	shift 2
	run ungil "$@"
	assert_exit 2
	[[ ${lines[-2]} = *"$message"* && ${lines[-1]} = "       "*"$advice"* ]] || fail "$output"
}

@test "wrong usage: what is wrong, and below it what to do" {
	advised 'wants a value' 'help install' install --jobs
	advised 'not an empty one' 'help install' install --source ''
	advised 'whole number' 'help install' install --jobs many
	advised 'number of seconds' 'help bench' bench --budget long
	advised 'not 3' 'one build of each kind' bench 3.99.1 3.99.2 3.99.1t
	advised 'not an interpreter' 'ungil list' bench ./none
	advised 'at least 2' '--workers N' bench --workers 1 /bin/true
	advised 'no benchmark kernel "foo"' 'primes, sha256' bench --kernel foo /bin/true
	refute_output --partial 'measure'
	advised 'give one SERIES' 'recipe list' recipe show
	advised 'which SERIES or FILE' './my.ini' recipe check
	advised 'too many' 'recipe show' recipe list 3.99
	advised 'too many' 'stands alone' --version x
	advised 'none of http://' 'file:///' install 3.99.1 --source tarball --mirror ftp://127.0.0.1/
	advised '/etc/passwd is neither' 'tar.xz' install 3.99.1 --source /etc/passwd
	run ungil link --into /proc/none
	assert_exit 1
	assert_output --partial 'choose another directory'
	assert_nothing_installed
}

@test "help: 80 columns, no blanks at line ends, exit 0, the same three ways; a manual page without a warning" {
	local verb
	for verb in '' install list show which exec link remove verify bench recipe clean help; do
		# shellcheck disable=SC2086
		ungil help $verb >help.txt 2>err.txt
		[ ! -s err.txt ]
		run grep -nE '.{81}| $' help.txt
		assert_output ''
		if [ -n "$verb" ]; then ungil "$verb" --help | diff - help.txt; fi
	done
	if command -v man >/dev/null; then
		ungil help --man >ungil.1
		run --separate-stderr man --warnings -l ungil.1
		# shellcheck disable=SC2154
		[ -z "$stderr" ] || fail "$stderr"
	fi
}

@test "what is not a SPEC is refused before anything is done" {
	for spec in '' 3 python3.99 ../3.99.1 '3.99.1 t' 3.99.1/../../x; do
		run ungil install "$spec"
		assert_exit 2
	done
	assert_nothing_installed
}

@test "a recipe of one's own is read before the installed one" {
	mkdir -p "$HOME/.config/ungil/recipes"
	sed 's/^optional =.*/optional = tkinter/' "$RECIPE" >"$HOME/.config/ungil/recipes/3.99.ini"
	unset UNGIL_RECIPES
	run ungil recipe show 3.99
	assert_exit 0
	assert_output --partial "3.99.2"
}
