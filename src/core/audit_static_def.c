/* Module definitions and their slots as they are in a file, see audit_static_def.h.
 *
 * A PyModuleDef begins with an object's head, which differs between the builds, and three words
 * that the interpreter fills:
 *
 *              with the GIL                 free-threaded
 *     head     count, type                  tid, flags and lock and bits, local count, shared
 *                                           count, type
 *     then     m_init, m_index, m_copy, m_name, m_doc, m_size, m_methods, m_slots, m_traverse,
 *              m_clear, m_free
 *
 * Static ones are made by PyModuleDef_HEAD_INIT: all of that is zero up to m_name but the count,
 * which is 1 or, from 3.12 on, the mark of the immortal. */
#include "core/audit_static_def.h"

#include <string.h>

enum {
    IMMORTAL = 0xffffffff, /* the local count in a free-threaded build */
    SLOT_LIMIT = 64,       /* there are 20 kinds */
    NESTING_LIMIT = 5,     /* as the interpreter's */
};

/* A word that is 0 and stays so. */
static bool is_zero(const struct elf_file *f, uint64_t at)
{
    struct elf_word w;
    return elf_word(f, at, &w) && w.kind == ELF_PLAIN && w.value == 0;
}

static bool are_zero(const struct elf_file *f, uint64_t from, uint64_t to)
{
    for (unsigned word = elf_facts(f)->word; from < to; from += word)
        if (!is_zero(f, from))
            return false;
    return true;
}

static bool is_pointer(const struct elf_file *f, uint64_t at)
{
    struct elf_word w;
    return elf_word(f, at, &w) && (w.kind != ELF_PLAIN || w.value == 0);
}

/* The distance from the head to m_name; 0 when there is no such head. */
static uint64_t head_at(const struct elf_file *f, uint64_t address, bool *free_threaded)
{
    unsigned word = elf_facts(f)->word;
    uint64_t count, flags;
    struct elf_word first;
    if (!elf_word(f, address, &first) || first.kind != ELF_PLAIN)
        return 0;
    if (first.value == 0) {
        uint64_t shared = address + word + 8, name = shared + 5 * word;
        *free_threaded = true;
        /* flags 16, lock 8, collector's bits 8: only the first are ever set, and only low ones */
        if (elf_number(f, address + word, 4, &flags) && elf_number(f, shared - 4, 4, &count) &&
            flags <= 0xffff && count == IMMORTAL && are_zero(f, shared, name))
            return name - address;
        return 0;
    }
    *free_threaded = false;
    count = first.value & UINT32_MAX;
    bool plausible =
        count == 1 || count >= 0x3fffffff; /* from 3.12: 2^30 - 1, 2^32 - 1, 3 * 2^30 */
    return plausible && are_zero(f, address + word, address + 5 * word) ? 5 * word : 0;
}

bool definition_at(const struct elf_file *f, uint64_t address, struct definition *d)
{
    unsigned word = elf_facts(f)->word;
    *d = (struct definition){.address = address};
    if (elf_place(f, address) != ELF_VARIABLE)
        return false;
    uint64_t at = head_at(f, address, &d->free_threaded);
    struct elf_word name, size, slots;
    if (at == 0)
        return false;
    at += address;
    if (!elf_word(f, at, &name) || !is_pointer(f, at) || !is_pointer(f, at + word) ||
        !elf_word(f, at + 2 * word, &size) || size.kind != ELF_PLAIN ||
        !is_pointer(f, at + 3 * word) || !elf_word(f, at + 4 * word, &slots) ||
        !is_pointer(f, at + 4 * word) || !is_pointer(f, at + 5 * word) ||
        !is_pointer(f, at + 6 * word) || !is_pointer(f, at + 7 * word))
        return false;
    if (name.kind == ELF_LOCAL)
        d->name = elf_text(f, name.value);
    d->slots_field = at + 4 * word;
    d->slots_array = slots.kind == ELF_LOCAL ? slots.value : 0;
    d->slots_elsewhere = slots.kind == ELF_IMPORT || slots.kind == ELF_UNKNOWN;
    return true;
}

struct finding {
    const struct elf_file *file;
    const char *module;
    struct definition *first;
    size_t count;
};

/* Whether a word that is an address is the m_name of one. */
static bool look(uint64_t at, uint64_t address, void *arg)
{
    struct finding *finding = arg;
    const struct elf_file *f = finding->file;
    unsigned word = elf_facts(f)->word;
    const uint64_t heads[] = {5 * word, 6 * word + 8};
    const char *text = elf_text(f, address);
    if (!text)
        return true;
    const char *dot = strrchr(text, '.');
    if (strcmp(dot ? dot + 1 : text, finding->module) != 0)
        return true;
    for (size_t i = 0; i < lengthof(heads); i++) {
        struct definition d;
        if (at < heads[i] || !definition_at(f, at - heads[i], &d) || d.free_threaded != (i == 1))
            continue;
        if (finding->count++ == 0)
            *finding->first = d;
    }
    return true;
}

size_t definition_find(const struct elf_file *f, const char *module, struct definition *d)
{
    struct finding finding = {.file = f, .module = module, .first = d};
    elf_each_local(f, look, &finding);
    return finding.count;
}

/* ---- Slots ---- */

/* The ids of the kinds, with those that 3.15 gave new ones under both. */
enum {
    SLOT_CREATE_OLD = 1,
    SLOT_GIL_OLD = 4,
    SLOT_CREATE = 84,
    SLOT_GIL = 87,
    SLOT_SUBSLOTS = 92, /* the value is an array of PySlot */
    SLOT_SLOTS = 94,    /* the value is an array of PyModuleDef_Slot */
    SLOT_NAME = 100,
    SLOT_FREE = 106,
    SLOT_ABI = 109,
    SLOT_TOKEN = 110,
    SLOT_IS_OPTIONAL = 1, /* a flag: ignored where it is not known */
};

static bool is_known(uint64_t id)
{
    return (id >= SLOT_CREATE_OLD && id <= SLOT_GIL_OLD) || (id >= SLOT_CREATE && id <= SLOT_GIL) ||
           (id >= SLOT_NAME && id <= SLOT_FREE) || id == SLOT_ABI || id == SLOT_TOKEN;
}

struct slot {
    uint64_t id;
    bool optional;
    uint64_t at; /* of its value */
    struct elf_word value;
};

static bool slot_at(const struct elf_file *f, uint64_t at, bool pyslot, struct slot *slot)
{
    uint64_t flags = 0;
    struct elf_word id; /* a relocation here would change it */
    if (!elf_word(f, at, &id) || id.kind != ELF_PLAIN ||
        !elf_number(f, at, pyslot ? 2 : 4, &slot->id) ||
        (pyslot && !elf_number(f, at + 2, 2, &flags)))
        return false;
    slot->optional = flags & SLOT_IS_OPTIONAL;
    slot->at = at + (pyslot ? 8 : elf_facts(f)->word);
    return elf_word(f, slot->at, &slot->value);
}

/* An array that is to be read. */
struct nested {
    uint64_t address, by;
    bool pyslot;
    int depth;
};

static void unreadable(struct slots *all, const char *why)
{
    all->gil = GIL_UNREADABLE;
    all->why = why;
}

static void take_gil(const struct elf_word *value, struct slots *all)
{
    if (value->kind != ELF_PLAIN || value->value > 1)
        unreadable(all, "Py_mod_gil has a value that is neither of the two");
    else if (all->gil != GIL_ABSENT)
        unreadable(all, "it has more than one Py_mod_gil slot");
    else
        all->gil = value->value == 1 ? GIL_NOT_USED : GIL_USED;
}

static void read_array(const struct elf_file *f, const struct nested *array, struct slots *all);

static void take_slot(const struct elf_file *f, const struct slot *slot, int depth,
                      struct slots *all)
{
    const struct elf_word *v = &slot->value;
    if (slot->id == SLOT_GIL || slot->id == SLOT_GIL_OLD) {
        take_gil(v, all);
    } else if (slot->id == SLOT_SUBSLOTS || slot->id == SLOT_SLOTS) {
        struct nested inner = {.address = v->value,
                               .by = slot->at,
                               .pyslot = slot->id == SLOT_SUBSLOTS,
                               .depth = depth + 1};
        if (v->kind == ELF_LOCAL)
            read_array(f, &inner, all);
        else if (v->kind != ELF_PLAIN || v->value)
            unreadable(all, "some of its slots are in another file");
    } else if (!is_known(slot->id) && !slot->optional) {
        unreadable(all, "it has a slot of an unknown kind");
    }
}

/* Adds what is in it to *all, whose gil becomes GIL_UNREADABLE when that cannot be. */
static void read_array(const struct elf_file *f, const struct nested *array, struct slots *all)
{
    uint64_t step = array->pyslot ? 16 : 2 * elf_facts(f)->word, at = array->address;
    enum elf_place place = elf_place(f, at);
    if (place == ELF_ZERO)
        return unreadable(all, "its slots are filled at run time");
    if (place == ELF_NOWHERE)
        return unreadable(all, "its slots are not in the file");
    if (array->depth == NESTING_LIMIT || all->n == lengthof(all->arrays))
        return unreadable(all, "its slots are nested too deep");
    struct slot_array *read = &all->arrays[all->n++];
    for (int i = 0; i < SLOT_LIMIT && all->gil != GIL_UNREADABLE; i++, at += step) {
        struct slot slot = {0};
        if (!slot_at(f, at, array->pyslot, &slot))
            break;
        *read = (struct slot_array){.from = array->address, .to = at + step, .by = array->by};
        /* Nobody writes down an empty array that can be written to, only to leave it so. */
        if (slot.id == 0 && i == 0 && place == ELF_VARIABLE)
            unreadable(all, "its slots are filled at run time");
        if (slot.id == 0)
            return;
        take_slot(f, &slot, array->depth, all);
    }
    if (all->gil != GIL_UNREADABLE)
        unreadable(all, "its slots have no end in the file");
}

struct slots slots_read(const struct elf_file *f, uint64_t address, bool pyslot)
{
    struct slots all = {.gil = GIL_ABSENT};
    read_array(f, &(struct nested){.address = address, .pyslot = pyslot}, &all);
    return all;
}
