/* Relocation: every prefix is configured for /opt/ungil/versions/NAME and made location-independent
 * here; what cannot be relative is rewritten for the place where it will be. Fresh builds and
 * bundles go through this. */
#ifndef UNGIL_CORE_RELOCATE_H
#define UNGIL_CORE_RELOCATE_H

/* Rewrites `prefix` (a staged tree) so that it is right at `final` (absolute). `configured`: the
 * prefix it was configured for (or relocated to last). `build_dir`: the build tree's path, of which
 * no trace may stay; NULL: none. Text files only; a binary that holds `configured` in a way that
 * matters is E_FAILED. Idempotent. */
int relocate_prefix(const char *prefix, const char *configured, const char *final,
                    const char *build_dir);

/* What upstream's install left behind is put in order: bin/python3.14 and 3.14t, shebangs relative,
 * .pc names; `series` "3.14", `suffix` "t". Duplicate files upstream installs twice are
 * hard-linked. */
int relocate_tidy(const char *prefix, const char *series, const char *suffix);

/* Hard-links regular files of `prefix` that are identical (mode, mtime to be made equal, content)
 * in `other`; adds the bytes saved. Both on one file system. */
int relocate_share(const char *prefix, const char *other, unsigned long long *saved);

#endif
