#include "cli/parts.h"

#include <string.h>

#include "base/err.h"

void opt_add_parts(struct optset *set, const char **parts)
{
    opt_add(set, (struct opt){"part", 0, OPT_STRING, parts, "PART[,PART]...",
                              "Which parts: main (the interpreter; the default), static "
                              "(libpython as a static library), debug (debugging information), "
                              "tests (the test suite), all (those that are there)."});
}

static int unknown_part(const char *verb, const char *word)
{
    const char *nearest = str_nearest(word, bundle_part_names, BUNDLE_PARTS);
    int rc = fail(E_USAGE, "%s --part: there is no part \"%s\"", verb, word);
    return nearest ? err_hint(rc, "did you mean %s?", nearest)
                   : err_hint(rc, "parts are main, static, debug, tests, and all");
}

int parts_chosen(const char *verb, const char *parts, bool chosen[BUNDLE_PARTS], bool *all)
{
    autostrv words = {0};
    strv_split_commas(&words, parts ? parts : "main");
    *all = strv_has(&words, "all");
    for (size_t i = 0; i < words.n; i++) {
        bool known = strcmp(words.v[i], "all") == 0;
        for (int p = 0; p < BUNDLE_PARTS; p++)
            if (*all || strcmp(words.v[i], bundle_part_names[p]) == 0)
                chosen[p] = known = true;
        if (!known)
            return unknown_part(verb, words.v[i]);
    }
    return words.n ? 0 : unknown_part(verb, "");
}
