#include "core/modules.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/distro.h"
#include "core/recipe.h"

/* Where the extension is not simply "_" and the last word of the module's name. */
static const struct {
    const char *module, *extension;
} irregular[] = {
    {"dbm.gnu", "_gdbm"},
    {"dbm.ndbm", "_dbm"},
    {"dbm.sqlite3", "_sqlite3"},
    {"curses.panel", "_curses_panel"},
    {"xml.etree.ElementTree", "_elementtree"},
    {"xml.parsers.expat", "pyexpat"},
};

char *modules_state(const char *makefile, const char *extension)
{
    autofree char *upper = xstrdup(extension);
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    autofree char *key = xasprintf("MODULE_%s_STATE=", upper);
    for (const char *at = makefile; (at = strstr(at, key)); at++)
        if (at == makefile || at[-1] == '\n') {
            at += strlen(key);
            return xstrndup(at, strcspn(at, " \t\r\n"));
        }
    return NULL;
}

/* What its extension may be called, the likeliest first. */
static void possible_extensions(const char *module, struct strv *tries)
{
    const char *last = strrchr(module, '.');
    last = last ? last + 1 : module;
    for (size_t i = 0; i < lengthof(irregular); i++)
        if (strcmp(irregular[i].module, module) == 0)
            strv_add(tries, irregular[i].extension);
    strv_addf(tries, "_%s", last);
    strv_add(tries, last);
}

bool modules_is_extension(const char *module, const char *extension)
{
    autostrv tries = {0};
    possible_extensions(module, &tries);
    return strv_has(&tries, extension);
}

char *modules_extension(const char *makefile, const char *module)
{
    autostrv tries = {0};
    possible_extensions(module, &tries);
    char *found = NULL;
    for (size_t i = 0; i < tries.n && !found; i++) {
        autofree char *state = modules_state(makefile, tries.v[i]);
        if (state)
            found = xstrdup(tries.v[i]);
    }
    return found;
}

/* "" when the module will be there, else why not; owned. */
static char *why_missing(const char *makefile, const char *module)
{
    autofree char *extension = modules_extension(makefile, module);
    if (!extension)
        return xstrdup(""); /* nothing that configure decides; the proof imports it later */
    autofree char *state = modules_state(makefile, extension);
    if (strcmp(state, "yes") == 0)
        return xstrdup("");
    const char *header = distro_header(module);
    if (strcmp(state, "missing") == 0 && header)
        return xasprintf("no <%s>, or a library too old", header);
    if (strcmp(state, "missing") == 0)
        return xstrdup("its library or header was not found");
    return xasprintf("MODULE %s is \"%s\" here", extension, state);
}

int modules_gate(const char *makefile, const struct recipe *recipe, struct strv *missing)
{
    autofree char *text = NULL;
    int rc = fs_read_text(makefile, &text);
    if (rc < 0)
        return rc == E_NOTFOUND ? fail(E_BUILD, "configure left no %s", makefile) : rc;
    autostr list = {0};
    autostrv keys = {0};
    for (size_t i = 0; i < recipe->required.n; i++) {
        const char *module = recipe->required.v[i];
        autofree char *why = why_missing(text, module);
        if (!*why)
            continue;
        str_addf(&list, "%s%s (%s)", list.len ? ", " : "", module, why);
        strv_add(&keys, module);
    }
    for (size_t i = 0; i < recipe->optional.n; i++) {
        autofree char *why = why_missing(text, recipe->optional.v[i]);
        if (*why)
            strv_add(missing, recipe->optional.v[i]);
    }
    if (keys.n == 0)
        return 0;
    rc = fail(E_BUILD, "configure could not find what these required modules need: %s", list.s);
    autofree char *command = distro_install_command(&keys);
    if (command)
        return err_hint(rc, "install it with \"%s\", then run the same command again", command);
    return err_hint(rc, "install the development files of these libraries, then run the same "
                        "command again");
}
