/* The directories ungil uses; see "Where things are" in the README. All owned by the caller. */
#ifndef UNGIL_CORE_DIRS_H
#define UNGIL_CORE_DIRS_H

/* The root: `option` (--root) when not NULL, else $UNGIL_ROOT, else /opt/ungil for root and
 * $XDG_DATA_HOME/ungil for others. Absolute. */
char *dirs_root(const char *option);
/* $XDG_CACHE_HOME/ungil (~/.cache/ungil), or below it; absolute. Not created. */
char *dirs_cache(const char *below);
char *dirs_config(const char *below); /* $XDG_CONFIG_HOME/ungil/BELOW */
char *dirs_data(const char *below);   /* $UNGIL_DATADIR or $datadir/ungil, /BELOW */

/* E_USAGE for a path that make, a shell or JSON on the way of a build would take for something
 * else: with a quote, a backslash, "$", a control character, or not UTF-8. `what` ("root") and
 * `how` it is chosen are for the message. */
int dirs_check(const char *path, const char *what, const char *how);

/* The prefix every interpreter is configured for: "/opt/ungil/versions/NAME". */
char *dirs_configured_prefix(const char *name);

#endif
