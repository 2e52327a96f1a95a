/* Recipes: where a series comes from and how its variants are built. Data, never C.
 *
 * Read from, first hit wins: $UNGIL_RECIPES (a directory), $XDG_CONFIG_HOME/ungil/recipes,
 * $datadir/ungil/recipes, the ones compiled in. Every section and key must be known: the
 * manual lists them, the comments of recipes/3.14.ini explain them.
 */
#ifndef UNGIL_CORE_RECIPE_H
#define UNGIL_CORE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "core/release.h"

struct pin {
    char *release; /* "3.14.7" */
    char *tag;     /* object id of the tag, or NULL */
    char *commit, *tree, *date;
    char *sha256_xz, *sha256_tgz; /* of Python-RELEASE.tar.xz / .tgz; hex; NULL: not known */
};

/* What a variant or a preset cannot be built without. */
struct tools {
    char *compiler;       /* "clang>=19": what CC must be; NULL: whatever this machine has */
    struct strv needs;    /* more programs, in the same form */
    struct strv packages; /* "apt:clang-19,llvm-19": who ships compiler and needs */
};

/* The compiler, else the first of the needs; NULL: it needs nothing. Borrowed. */
const char *tools_first(const struct tools *tools);

struct variant {
    char *id;     /* "gil", "ft" */
    char *suffix; /* "", "t"; its letters are the ABI flags */
    struct strv configure;
    struct strv environment; /* NAME=value for the whole build */
    bool free_threaded;      /* must be proven to run without the GIL */
    struct tools tools;      /* its compiler counts before a preset's */
};

struct preset {
    char *id; /* "quick", "release" */
    struct strv configure;
    struct strv environment;   /* NAME=value for configure */
    bool precompile_headers;   /* with a compiler that can, for builds without PGO and LTO */
    struct strv share_objects; /* make variables: objects that are the same in every variant */
    bool debug_info;           /* kept, in a tree of its own: debug_info.h */
    struct tools tools;
    char *better; /* id of the preset that is taken instead where this machine has what it needs;
                     NULL: none */
};

struct recipe {
    char *file; /* path it was read from */
    char *text; /* that file */
    char *series;
    bool prerelease;       /* never chosen by default */
    char *tag;             /* pattern: "v{release}" */
    struct strv providers; /* "git" "tarball" "apt", in the order to try */
    char *git;             /* URL */
    char *tarball;         /* URL pattern: {release}, {base} (3.14.0 of 3.14.0rc1), {file} */
    char *apt;             /* Debian source package: "python3.14" */
    struct strv required, optional; /* importable module names */
    bool install_tests;
    char *default_preset; /* id; NULL: the first one */
    struct variant *variants;
    size_t n_variants;
    struct preset *presets;
    size_t n_presets;
    struct pin *pins; /* newest first */
    size_t n_pins;
    char *sigstore_identity, *sigstore_issuer;
};

/* Reads and checks one file; E_USAGE names file, line, section and key; E_NOTFOUND: no such file,
 * or a directory. The caller frees. */
int recipe_load(const char *file, struct recipe **out);
int recipe_load_text(const char *name, const char *text, struct recipe **out);
/* The recipe of a series ("3.14"); E_USAGE lists the series that exist and the nearest. */
int recipe_find(const char *series, struct recipe **out);
/* The newest series not marked prerelease that pins a release. */
int recipe_find_default(struct recipe **out);
/* The series of all recipes, newest first. */
int recipe_list(struct strv *series);
void recipe_free(struct recipe *r);

/* SHA-256 of the recipe's file, hex; owned. */
char *recipe_digest(const struct recipe *r);
const struct variant *recipe_variant_by_suffix(const struct recipe *r, const char *suffix);
const struct variant *recipe_variant_by_id(const struct recipe *r, const char *id);
/* True when the objects of what is the same C code in both are the same, too: nothing but
 * --disable-gil is different. */
bool variants_compile_alike(const struct variant *a, const struct variant *b);
/* True when it is built as the pair is: with nothing of its own but --disable-gil. */
bool variant_is_plain(const struct variant *v);
/* `id` NULL: the one to take when nobody says which. */
const struct preset *recipe_preset(const struct recipe *r, const char *id);
const struct pin *recipe_pin(const struct recipe *r, const char *release);
/* The tag's name and the URL of the source archive `file` ("Python-3.14.7.tar.xz"); owned. */
char *recipe_tag(const struct recipe *r, const char *release);
char *recipe_tarball_url(const struct recipe *r, const char *release, const char *base_url,
                         const char *file);

#endif
