/* --ccache: objects from ccache's store, in which other build directories, roots and, as ccache is
 * configured, other machines have a part. Only make gets it: configure's CC is the plain compiler,
 * and so is what the installed interpreter knows of. Private to core/build*.c. */
#ifndef UNGIL_CORE_BUILD_CCACHE_H
#define UNGIL_CORE_BUILD_CCACHE_H

#include "base/str.h"
#include "core/build_stage.h"

/* E_USAGE, with this distribution's command, when there is no ccache. */
int ccache_check(void);
/* Adds CC and LINKCC to a make command; nothing without --ccache, or when CC has ccache already. */
void ccache_words(const struct pipeline *p, struct strv *argv);
/* What lets two build directories share hits; the caller's own CCACHE_* are left as they are. */
void ccache_environment(const struct pipeline *p, struct strv *env);
/* Says with -v how many of the compilations so far were hits, and forgets them. */
void ccache_report(const struct pipeline *p);

/* For ccache_words and its test: whether a compiler, by its first line of --version, knows
 * -ffile-prefix-map. For ccache_report and its test: counts lines of ccache's log of results. */
bool ccache_can_map(const char *version);
void ccache_count(const char *log, unsigned *hits, unsigned *compiled);

#endif
