#include "core/lockfile_facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/machine.h"
#include "core/plan.h"
#include "core/receipt.h"
#include "core/text_json.h"
#include "core/training.h"
#include "io/digest.h"

/* ---- Sections, each fact once ---- */

struct adding {
    struct lockfile *lock;
    const char *name, *release, *platform;
};

/* The sections' own pointers live until another is made. */
static struct lock_section *section(const struct adding *a, enum lock_kind kind)
{
    bool named = kind == LOCK_INTERPRETER || kind == LOCK_BUNDLE;
    bool placed = kind == LOCK_PLATFORM || kind == LOCK_BUNDLE;
    return lockfile_make(a->lock, kind, named ? a->name : a->release, placed ? a->platform : "");
}

/* E_FAILED when another interpreter of this release said something else. */
static int add(const struct adding *a, enum lock_kind kind, const char *key, const char *value)
{
    struct lock_section *s = section(a, kind);
    autofree char *was = xstrdup(lock_get(s, key));
    lock_set(s, key, value);
    if (!was || strcmp(was, lock_get(s, key)) == 0)
        return 0;
    int rc = fail(E_FAILED, "%s was made with another %s than the rest of %s: %s, and %s", a->name,
                  key, a->release, lock_get(s, key), was);
    return err_hint(rc,
                    "one lock has one %s: make them again together (ungil install --force %s), "
                    "or lock them in files of their own (-o)",
                    key, a->release);
}

/* ---- From the text of the inputs ---- */

/* Lines that say something of the machine and the caller, and not of the recipe. */
static bool is_of_machine(const char *line)
{
    return str_starts(line, "env ") || str_starts(line, "compiler=") ||
           str_starts(line, "engine=") || str_starts(line, "origin=");
}

struct split {
    struct str recipe, environment;
};

static void split_inputs(const char *text, struct split *s)
{
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        if (!is_of_machine(line)) {
            str_addn(&s->recipe, line, n);
            str_add(&s->recipe, "\n");
        } else if (str_starts(line, "env ")) {
            size_t head = strlen("env ");
            if (s->environment.len)
                str_add(&s->environment, " ");
            str_addn(&s->environment, line + head, n - head);
        }
        line += n + (line[n] == '\n');
    }
}

/* As it is while it fits on a line; owned. */
static char *short_environment(const char *text)
{
    enum { LONGEST = 100 };
    char hex[SHA256_HEX];
    if (strlen(text) <= LONGEST)
        return xstrdup(text);
    digest_text(text, hex);
    return xasprintf("sha256:%s", hex);
}

static int add_pins(const struct adding *a, const char *text)
{
    static const char *const keys[][2] = {{"commit", "commit"},    {"tree", "tree"},
                                          {"xz", "sha256-tar.xz"}, {"tgz", "sha256-tgz"},
                                          {"preset", "preset"},    {"engine", "engine"}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(keys); i++) {
        autofree char *value = training_value(text, keys[i][0]);
        if (value && *value)
            rc = add(a, LOCK_RELEASE, keys[i][1], value);
    }
    return rc;
}

static int add_inputs(const struct adding *a, const char *text, const char *digest)
{
    struct split s = {0};
    char hex[SHA256_HEX];
    autofree char *variant = training_value(text, "variant");
    autofree char *program = training_value(text, "compiler");
    split_inputs(text, &s);
    digest_text(s.recipe.s ? s.recipe.s : "", hex);
    int rc = add_pins(a, text);
    if (rc == 0)
        rc = add(a, LOCK_INTERPRETER, "variant", variant ? variant : "");
    if (rc == 0)
        rc = add(a, LOCK_INTERPRETER, "recipe", hex);
    if (rc == 0)
        rc = add(a, LOCK_BUNDLE, "inputs", digest);
    if (rc == 0)
        rc = add(a, LOCK_BUNDLE, "program", program ? program : "unknown");
    if (rc == 0 && s.environment.len) {
        autofree char *environment = short_environment(s.environment.s);
        rc = add(a, LOCK_BUNDLE, "environment", environment);
    }
    str_free(&s.recipe);
    str_free(&s.environment);
    return rc;
}

/* ---- From the machine ---- */

/* gcc's first word is the name that it was called by: "cc (Debian 12.2.0-14) 12.2.0". */
static int add_compiler(const struct adding *a, const char *line)
{
    size_t n = strcspn(line, " ");
    bool gcc = strncmp(line + n, " (", 2) == 0;
    autofree char *text = gcc ? xasprintf("gcc%s", line + n) : xstrdup(line);
    return add(a, LOCK_BUNDLE, "compiler", text);
}

static int add_toolchain(const struct adding *a, const char *text)
{
    static const char *const programs[] = {"as", "cc1", "ld"};
    autofree char *version = machine_toolchain_value(text, "version");
    autofree char *digest = machine_toolchain_digest(text);
    int rc = add_compiler(a, version);
    if (rc == 0)
        rc = add(a, LOCK_BUNDLE, "toolchain", digest);
    for (size_t i = 0; rc == 0 && i < lengthof(programs); i++) {
        autofree char *id = machine_toolchain_value(text, programs[i]);
        if (*id)
            rc = add(a, LOCK_BUNDLE, programs[i], id);
    }
    return rc;
}

/* ---- What is installed ---- */

static int not_told(const struct receipt *r, const char *what)
{
    int rc = fail(E_FAILED, "the receipt of %s does not say %s", r->name, what);
    return err_hint(rc, "\"ungil install --force %s\" makes it anew, with a receipt that does",
                    r->name);
}

static int built_on_trust(const struct receipt *r)
{
    int rc = fail(E_FAILED, "%s was built from a source that no pin covers (--unpinned)", r->name);
    return err_hint(rc,
                    "nobody could build the same again; add a [pin] to the recipe, or hand on the "
                    "bundle alone: \"ungil pack %s\"",
                    r->name);
}

/* What was built by an older ungil, or came in a bundle, has no such part: then this machine's
 * libraries are what is known, and the compiler's first line. */
static int add_machine(const struct adding *a, const struct receipt *r)
{
    json_t *build = json_object_get(r->json, "build"), *value;
    json_t *machine = json_object_get(build, "machine");
    const char *text = json_text(machine, "toolchain"), *line = json_text(build, "compiler");
    const char *soname, *libc = json_text(machine, "libc");
    if (!*line)
        return not_told(r, "which compiler built it");
    int rc = *text ? add_toolchain(a, text) : add_compiler(a, line);
    if (rc == 0 && *libc)
        rc = add(a, LOCK_PLATFORM, "libc", libc);
    json_object_foreach(json_object_get(machine, "libraries"), soname, value)
    {
        if (rc == 0 && json_is_string(value))
            rc = add(a, LOCK_PLATFORM, soname, json_string_value(value));
    }
    return rc;
}

int lock_add_installed(struct lockfile *l, const struct receipt *r, const char *platform)
{
    const struct adding a = {l, r->name, r->release, platform};
    json_t *build = json_object_get(r->json, "build");
    const char *training = json_text(json_object_get(build, "training"), "key");
    json_t *source = json_object_get(r->json, "source");
    autofree char *origin = training_value(r->inputs_text, "origin");
    if (!origin)
        return not_told(r, "what it was made from");
    if (*origin || json_is_false(json_object_get(source, "pinned")))
        return built_on_trust(r);
    int rc = add_inputs(&a, r->inputs_text, r->inputs);
    if (rc == 0)
        rc = add_machine(&a, r);
    if (rc == 0 && *training)
        rc = add(&a, LOCK_BUNDLE, "training", training);
    return rc;
}

/* ---- What would be built ---- */

static int add_libraries(const struct adding *a, const struct lock_section *asked)
{
    autostrv sonames = {0}, versions = {0};
    autofree char *libc = machine_libc();
    int rc = add(a, LOCK_PLATFORM, "libc", libc);
    for (size_t i = 0; i < asked->keys.n; i++)
        if (str_starts(asked->keys.v[i], "lib") && strstr(asked->keys.v[i], ".so"))
            strv_add(&sonames, asked->keys.v[i]);
    if (rc == 0)
        rc = machine_versions(&sonames, &versions);
    for (size_t i = 0; rc == 0 && i < sonames.n; i++)
        rc = add(a, LOCK_PLATFORM, sonames.v[i], versions.v[i]);
    return rc;
}

int lock_add_here(struct lockfile *l, const struct plan *plan, const struct pin *pin,
                  const struct variant *v, const char *platform, const struct lock_section *asked)
{
    autofree char *name = plan_name(pin->release, v), *toolchain = NULL;
    autofree char *text = plan_inputs_text(plan, pin, v), *digest = plan_inputs(plan, pin, v);
    const struct adding a = {l, name, pin->release, platform};
    int rc = add_inputs(&a, text, digest);
    if (rc == 0)
        rc = machine_toolchain(v, plan->preset, &toolchain);
    if (rc == 0)
        rc = add_toolchain(&a, toolchain);
    return rc == 0 ? add_libraries(&a, asked) : rc;
}
