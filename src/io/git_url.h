/* Which URLs git understands. */
#ifndef UNGIL_IO_GIT_URL_H
#define UNGIL_IO_GIT_URL_H

#include <stdbool.h>

/* The path of a file:// URL or of a plain path, owned; NULL for what lies across a network. */
char *git_local_path(const char *url);

/* Whether it is ssh that carries it: ssh://, git+ssh://, user@host:path. */
bool git_url_is_ssh(const char *url);

#endif
