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

@test "a byte-order mark, an empty file and binary rubbish are refused, and crash nothing" {
	: >"$RECIPE"
	bad "$RECIPE"
	head -c 3000 /dev/urandom >"$RECIPE"
	bad "$RECIPE"
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
