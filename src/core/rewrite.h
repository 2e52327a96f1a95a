/* The text work of relocation: from the old text of a file to the new one. Pure functions; every
 * result is owned by the caller; a text that needs no change comes back as a copy. */
#ifndef UNGIL_CORE_REWRITE_H
#define UNGIL_CORE_REWRITE_H

/* How a path is written inside a Python or JSON string, or in a Makefile. */
typedef char *rewrite_escape(const char *path);
rewrite_escape rewrite_escape_python, rewrite_escape_json, rewrite_escape_make;

/* `from` -> `to` wherever it stands as a whole path or as the head of one: "/v/3.14.7" is not in
 * "/v/3.14.7t". Where `to` stands already it stays, so that doing it twice changes nothing more. */
char *rewrite_path(const char *text, const char *from, const char *to);

/* A script whose interpreter is PREFIX/bin/PROGRAM starts PROGRAM of its own directory instead,
 * through /bin/sh: the kernel's "#!" line can hold neither a relative path nor a space, and ends at
 * 127 or 255 bytes. NULL when the script has another interpreter. */
char *rewrite_shebang(const char *text, const char *prefix);

/* prefix=... -> the directory two above the .pc file. `with`: what a static libpython must be
 * linked with ("-ldl -lm -Wl,-export-dynamic"), which upstream leaves out; NULL: it is a shared
 * one. */
char *rewrite_pkgconfig(const char *text, const char *with);
/* That, from the text of config-3.14/Makefile; owned. */
char *rewrite_link_flags(const char *makefile);

/* build-details.json as PEP 739 wants relative paths: base_prefix from the file's own directory,
 * everything else from base_prefix. `prefix` as JSON writes it. */
char *rewrite_build_details(const char *text, const char *prefix);

/* _sysconfig_vars*.json (3.14): "userbase" is a directory in the home of who has built, which is
 * nobody's business, and another one for each; as sysconfig itself gives it before it asks for the
 * home, "~/.local". */
char *rewrite_user_base(const char *text);

/* python3.14-config: finds its prefix from its own real path, also through symlinks and with
 * spaces; paths in flags are escaped for a shell, as pkg-config does it; with a static libpython,
 * --embed exports the program's symbols, which extension modules need. NULL when it is not that
 * script. */
char *rewrite_config_script(const char *text);

#endif
