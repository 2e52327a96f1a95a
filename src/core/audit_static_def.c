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
    struct elf_word value;
};

static bool slot_at(const struct elf_file *f, uint64_t at, bool pyslot, struct slot *slot)
{
    unsigned word = elf_facts(f)->word;
    uint64_t flags = 0;
    struct elf_word id; /* a relocation here would change it */
    if (!elf_word(f, at, &id) || id.kind != ELF_PLAIN)
        return false;
    if (!pyslot)
        return elf_number(f, at, 4, &slot->id) && elf_word(f, at + word, &slot->value);
    if (!elf_number(f, at, 2, &slot->id) || !elf_number(f, at + 2, 2, &flags) ||
        !elf_word(f, at + 8, &slot->value))
        return false;
    slot->optional = flags & SLOT_IS_OPTIONAL;
    return true;
}

static struct slots unreadable(const char *why)
{
    return (struct slots){.gil = GIL_UNREADABLE, .why = why};
}

static struct slots read_nested(const struct elf_file *f, uint64_t address, bool pyslot, int depth);

/* What one slot adds to what those before it said; *all is GIL_UNREADABLE when it cannot be. */
static void take_slot(const struct elf_file *f, const struct slot *slot, int depth,
                      struct slots *all)
{
    const struct elf_word *v = &slot->value;
    struct slots one = {.gil = GIL_ABSENT};
    if (slot->id == SLOT_GIL || slot->id == SLOT_GIL_OLD) {
        one.gil = v->value == 1 ? GIL_NOT_USED : GIL_USED;
        if (v->kind != ELF_PLAIN || v->value > 1)
            one = unreadable("Py_mod_gil has a value that is neither of the two");
    } else if (slot->id == SLOT_SUBSLOTS || slot->id == SLOT_SLOTS) {
        if (v->kind == ELF_LOCAL)
            one = read_nested(f, v->value, slot->id == SLOT_SUBSLOTS, depth + 1);
        else if (v->kind != ELF_PLAIN || v->value)
            one = unreadable("some of its slots are in another file");
    } else if (!is_known(slot->id) && !slot->optional) {
        one = unreadable("it has a slot of an unknown kind");
    }
    if (one.gil != GIL_ABSENT && all->gil != GIL_ABSENT)
        one = unreadable("it has more than one Py_mod_gil slot");
    if (one.gil != GIL_ABSENT) {
        all->gil = one.gil;
        all->why = one.why;
    }
}

static struct slots read_nested(const struct elf_file *f, uint64_t address, bool pyslot, int depth)
{
    uint64_t step = pyslot ? 16 : 2 * elf_facts(f)->word;
    struct slots all = {.gil = GIL_ABSENT};
    enum elf_place place = elf_place(f, address);
    if (place == ELF_ZERO)
        return unreadable("its slots are filled at run time");
    if (place != ELF_VARIABLE && place != ELF_CONSTANT && place != ELF_CODE)
        return unreadable("its slots are not in the file");
    if (depth == NESTING_LIMIT)
        return unreadable("its slots are nested too deep");
    for (int i = 0; i < SLOT_LIMIT; i++, address += step) {
        struct slot slot = {0};
        if (!slot_at(f, address, pyslot, &slot))
            return unreadable("its slots have no end in the file");
        if (slot.id == 0) {
            all.end = address + step;
            /* Nobody writes down an empty array that can be written to, only to leave it so. */
            return i == 0 && place == ELF_VARIABLE ? unreadable("its slots are filled at run time")
                                                   : all;
        }
        take_slot(f, &slot, depth, &all);
        if (all.gil == GIL_UNREADABLE)
            return all;
    }
    return unreadable("its slots have no end in the file");
}

struct slots slots_read(const struct elf_file *f, uint64_t address, bool pyslot)
{
    return read_nested(f, address, pyslot, 0);
}
