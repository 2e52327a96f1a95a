# The lock of a real pair brings the same pair elsewhere, from its bundles, digest for digest.

load helpers

@test "real: locked here, installed there from the cached bundles: the same digests, and check says so on both" {
	own_pair
	LIMIT=400 run ungil lock "$REAL" # it packs both
	assert_exit 0
	assert_file_contains ungil.lock "^\[bundle ${REAL}t $(uname -m)-linux-gnu\]$"
	assert_file_contains ungil.lock '^libssl.so.3 = 3'
	assert_file_contains ungil.lock '^libsqlite3.so.0 = 3'
	run ungil install --locked --root "$PWD/else"
	assert_exit 0
	assert_line --regexp "^${REAL}t +installed"
	local root
	for root in "$UNGIL_ROOT" "$PWD/else"; do
		run ungil lock --check --root "$root"
		assert_exit 0
		assert_line --regexp "^$REAL +is what the lock names"
		assert_line --regexp "^${REAL}t +is what the lock names"
	done
	cp ungil.lock here
	LIMIT=400 run ungil lock --root "$PWD/else"
	assert_exit 0
	cmp here ungil.lock
	run ungil install --locked --root "$PWD/else"
	assert_line --regexp "^${REAL}t +already installed"
}
