/* Debian's source packages, through apt-get with private state: no root needed, nothing of the
 * machine's own configuration touched. */
#ifndef UNGIL_IO_APT_H
#define UNGIL_IO_APT_H

#include <stdbool.h>

struct strv;

/* True when apt-get is here. */
bool apt_present(void);
/* The versions ("3.13.15-1") of source package `package` that the host's suites, trixie, forky and
 * sid on the host's own mirror offer; the private state lives in `state`. An index less than an
 * hour old is not fetched again. E_UNREACHABLE when the mirror does not answer. Offline: what the
 * state already knows. */
int apt_versions(const char *state, const char *package, bool offline, struct strv *versions);
/* "3.13.15" of "3.13.15-1", "3.14.0rc2" of "3.14.0~rc2-1"; NULL for a repacked or otherwise
 * changed upstream ("3.13.5+ds-1"). Owned. */
char *apt_upstream(const char *version);
/* Downloads PACKAGE_UPSTREAM.orig.tar.* of that version into the existing `dir`; *file owned. apt
 * verifies the signature chain. E_NOTFOUND when the index names it and the mirror does not have
 * it. */
int apt_orig(const char *state, const char *package, const char *version, const char *dir,
             char **file);

#endif
