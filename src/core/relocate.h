/* Relocation: every prefix is configured for /opt/ungil/versions/NAME and made location-independent
 * here; what cannot be relative is rewritten for the place where it will be. Fresh builds and
 * bundles go through this. */
#ifndef UNGIL_CORE_RELOCATE_H
#define UNGIL_CORE_RELOCATE_H

struct strv;

/* Rewrites `prefix` (a staged tree) so that it is right at `final` (absolute). `configured`: the
 * prefix it was configured for (or relocated to last). `build_dir`: the build tree's path, of which
 * no trace may stay; NULL: none. What was compiled from a rewritten .py is
 * compiled again with the tree's own interpreter, or removed. Idempotent. The paths of what was
 * written or removed, below the prefix, are added to `changed`; NULL: nobody asks. */
int relocate_prefix(const char *prefix, const char *configured, const char *final,
                    const char *build_dir, struct strv *changed);

/* The part of it in programs and libraries: where the configured prefix is compiled in as
 * relocate_padded_prefix makes it, `final` takes its place. One that was not made so (3.13, whose
 * Makefile has no variable for it) keeps the configured one, where it looks last. `changed` as
 * above. */
int relocate_binaries(const char *prefix, const char *configured, const char *final,
                      struct strv *changed);
/* The same directory, written so long that another one's name fits; owned. */
char *relocate_padded_prefix(const char *prefix);

/* What upstream's install left behind is put in order: bin/python3.14 and 3.14t, shebangs relative,
 * .pc names; `series` "3.14", `suffix` "t". Duplicate files upstream installs twice are
 * hard-linked. */
int relocate_tidy(const char *prefix, const char *series, const char *suffix);

/* Replaces regular files in lib/ and include/ of `prefix` that are the same in `other` (mode,
 * owner, content; a .pyc: made of the same source) by hard links to them; adds the bytes saved.
 * `other` is not changed. Both on one file system, else nothing happens. Before the manifest is
 * written. */
int relocate_share(const char *prefix, const char *other, unsigned long long *saved);

#endif
