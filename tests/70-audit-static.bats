# What is read from extension modules is what happens when the free-threaded interpreter imports them.

load helpers

setup() {
	common_setup
	READER=$BUILD/tests/unit/audit_static
}

@test "static: modules of every kind, compiled in several ways: declared means off, not declared means on" {
	real_pair
	run python3 "$TESTS/upstream/extensions.py" samples "$FT" "$READER" "$PWD/samples"
	assert_exit 0
	assert_output --partial 'modules: '
	refute_output --partial WRONG
}

@test "static: the standard library's own modules keep the GIL off, and static says so or cannot tell" {
	real_pair
	run python3 "$TESTS/upstream/extensions.py" library "$FT" "$READER"
	assert_exit 0
	refute_output --partial 'does not declare'
	assert_output --regexp 'declares, off: [4-9][0-9]'
}

@test "static: modules of the build with the GIL, which has the other layout, are read as well" {
	real_pair
	dir=$("$GIL" -I -c 'import sysconfig; print(sysconfig.get_config_var("DESTSHARED"))')
	run "$READER" "$dir"/*.so
	assert_exit 0
	# those of single-phase initialisation have nothing to tell such a build
	refute_output --partial 'does not declare	multi-phase'
	refute_output --partial 'cannot tell'
	[ "$(grep -c '	declares	' <<<"$output")" -gt 40 ]
}
