/* What is audited: a TARGET made into directories that an interpreter can import from. */
#ifndef UNGIL_CORE_AUDIT_TARGET_H
#define UNGIL_CORE_AUDIT_TARGET_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

struct audit_opts;

enum audit_kind {
    AUDIT_INSTALLED,    /* the interpreter's own packages */
    AUDIT_VENV,         /* a virtual environment's */
    AUDIT_REQUIREMENTS, /* the same, made here and thrown away */
    AUDIT_WHEELS,       /* all wheels that were named, together, unpacked */
    AUDIT_DIRECTORY,    /* what lies in a directory */
    AUDIT_EXTENSION,    /* one file */
};

struct audit_place {
    enum audit_kind kind;
    char *label;         /* as the user named it */
    char *python;        /* what imports it: the interpreter's path, or the venv's */
    struct strv paths;   /* what is listed and added to sys.path; none: the interpreter's own */
    bool bare;           /* without the interpreter's site-packages */
    char *file, *module; /* EXTENSION: its path and its full name */
    char *scratch;       /* what is thrown away again; NULL: nothing */
    int lock;            /* on scratch */
    struct strv wheels;  /* WHEELS: their files */
    json_t *listing;     /* what audit_list.py answered: an array */
    json_t *skipped;     /* array of {file, why}: wheels for another interpreter, or in vain */
};

const char *audit_kind_name(enum audit_kind kind);

/* Sorts the targets into places: an array of *n, owned, to be freed with audit_places_free (also
 * after an error). Looks at files only. E_USAGE for what is nothing we know. */
int audit_places(const struct audit_opts *opts, struct audit_place **places, size_t *n);
void audit_places_free(struct audit_place *places, size_t n);

/* Makes one ready to be imported: unpacks, runs pip. `interpreter`: what audit_list.py says of the
 * one that was asked for. Nothing of the target is executed, but by pip. */
int audit_place_prepare(struct audit_place *p, const struct audit_opts *opts, json_t *interpreter);
/* Lists what is in it. This runs its .pth files, so it comes after confining. E_USAGE when a venv
 * is of another kind than `interpreter`. */
int audit_place_list(struct audit_place *p, const struct audit_opts *opts, json_t *interpreter);

/* Runs audit_list.py; *listing is an array, owned. `bare`: with -S, so that no .pth file is run. */
int audit_list(const char *python, const struct strv *paths, bool bare,
               const struct audit_opts *opts, json_t **listing);

/* Installs a requirements file into a new virtual environment in p->scratch (audit_pip.c). */
int audit_pip(struct audit_place *p, const struct audit_opts *opts);

#endif
