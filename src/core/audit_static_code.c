/* What the entry point of a module does, where it does only one thing, see audit_static_def.h.
 *
 * Nearly every entry point is one of two: it hands its definition to PyModuleDef_Init and returns
 * what that does, or (3.15) it returns the address of its slots. Compilers need few kinds of
 * instructions for that; they are followed one by one from the first, and anything else ends it. So
 * what is found is what happens, and not something that looks like it. */
#include <string.h>

#include "core/audit_static_def.h"

enum {
    STEP_LIMIT = 40,
    JUMP_LIMIT = 4,
};

/* The state of the few registers that matter. */
struct machine {
    const struct elf_file *file;
    uint64_t at;
    struct value {
        bool known, is_result; /* is_result: what the callee returned */
        uint64_t address;
    } argument, result, scratch; /* scratch: aarch64's x16 or the other of adrp's pairs */
    const char *callee;
    uint64_t handed; /* argument at the call */
    int jumps;
};

enum step { STEP_ON, STEP_RETURN, STEP_LOST };

static struct value known(uint64_t address)
{
    return (struct value){.known = true, .address = address};
}

/* What is loaded from `at`: the address that relocation puts there. */
static struct value loaded(const struct elf_file *f, uint64_t at)
{
    struct elf_word w;
    if (elf_word(f, at, &w) && w.kind == ELF_LOCAL && elf_place(f, at) == ELF_CONSTANT)
        return known(w.value);
    return (struct value){0};
}

/* The imported function whose address relocation puts at `at`; NULL: something else. */
static const char *imported_at(const struct elf_file *f, uint64_t at)
{
    struct elf_word w;
    return elf_word(f, at, &w) && w.kind == ELF_IMPORT && w.value == 0 ? w.symbol : NULL;
}

/* A call: the arguments are lost afterwards, and so is any earlier result. */
static enum step call(struct machine *m, const char *callee)
{
    if (!callee || m->callee || !m->argument.known)
        return STEP_LOST;
    m->callee = callee;
    m->handed = m->argument.address;
    m->argument = m->scratch = (struct value){0};
    m->result = (struct value){.known = true, .is_result = true};
    return STEP_ON;
}

static enum step tail_call(struct machine *m, const char *callee)
{
    return call(m, callee) == STEP_ON ? STEP_RETURN : STEP_LOST;
}

/* ---- x86-64 ---- */

static bool has(const unsigned char *p, size_t size, const char *bytes, size_t n)
{
    return size >= n && memcmp(p, bytes, n) == 0;
}
#define HAS(bytes) has(p, size, bytes, sizeof(bytes) - 1)

static uint64_t relative(const unsigned char *p, uint64_t end)
{
    int32_t distance;
    memcpy(&distance, p, 4); /* little-endian, like the machine this is for */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    distance = (int32_t)__builtin_bswap32((uint32_t)distance);
#endif
    return end + (uint64_t)(int64_t)distance;
}

/* The import that a stub in the procedure linkage table jumps to. */
static const char *x86_stub(const struct elf_file *f, uint64_t at)
{
    size_t size;
    const unsigned char *p = elf_bytes(f, at, &size);
    if (!p || elf_place(f, at) != ELF_CODE)
        return NULL;
    if (HAS("\xf3\x0f\x1e\xfa")) { /* endbr64 */
        p += 4, size -= 4, at += 4;
    }
    if (HAS("\xf2")) { /* bnd */
        p++, size--, at++;
    }
    return HAS("\xff\x25") && size >= 6 ? imported_at(f, relative(p + 2, at + 6)) : NULL;
}

/* Instructions that change nothing that matters: how long; 0: another one. */
static size_t x86_harmless(const unsigned char *p, size_t size)
{
    static const struct {
        const char *bytes;
        size_t n, extra;
    } list[] = {
        {"\xf3\x0f\x1e\xfa", 4, 0}, /* endbr64 */
        {"\x55", 1, 0},             /* push rbp */
        {"\x5d", 1, 0},             /* pop rbp */
        {"\x53", 1, 0},             /* push rbx */
        {"\x5b", 1, 0},             /* pop rbx */
        {"\xc9", 1, 0},             /* leave */
        {"\x90", 1, 0},             /* nop */
        {"\x66\x90", 2, 0},         /* nop */
        {"\x48\x89\xe5", 3, 0},     /* mov rbp, rsp */
        {"\xbe", 1, 4},             /* mov esi, n: PyModule_Create2's second argument */
        {"\x48\x83\xec", 3, 1},     /* sub rsp, n */
        {"\x48\x83\xc4", 3, 1},     /* add rsp, n */
    };
    for (size_t i = 0; i < lengthof(list); i++)
        if (size >= list[i].n + list[i].extra && has(p, size, list[i].bytes, list[i].n))
            return list[i].n + list[i].extra;
    return 0;
}

/* A jump within the file: to a stub, or on to another function. */
static enum step x86_jump(struct machine *m, uint64_t to)
{
    const char *callee = x86_stub(m->file, to);
    if (callee)
        return tail_call(m, callee);
    m->at = to;
    return m->jumps++ < JUMP_LIMIT ? STEP_ON : STEP_LOST;
}

static enum step x86_step(struct machine *m)
{
    size_t size, n;
    const unsigned char *p = elf_bytes(m->file, m->at, &size);
    if (!p || elf_place(m->file, m->at) != ELF_CODE)
        return STEP_LOST;
    if ((n = x86_harmless(p, size)) > 0) {
        m->at += n;
        return STEP_ON;
    }
    if (HAS("\xf2") && size > 1 && (p[1] == 0xe8 || p[1] == 0xe9 || p[1] == 0xff || p[1] == 0xc3)) {
        p++, size--, m->at++; /* bnd */
    }
    if (HAS("\xc3") || HAS("\xf3\xc3"))
        return STEP_RETURN;
    uint64_t end5 = m->at + 5, end6 = m->at + 6, end7 = m->at + 7;
    if (HAS("\x31\xc0")) { /* xor eax, eax: how many floating arguments there are */
        m->result = (struct value){0};
        m->at += 2;
        return STEP_ON;
    }
    if (HAS("\x48\x89\xc7")) { /* mov rdi, rax */
        m->argument = m->result.is_result ? (struct value){0} : m->result;
        m->at += 3;
        return STEP_ON;
    }
    if (size >= 7 && (HAS("\x48\x8d\x3d") || HAS("\x48\x8b\x3d") || HAS("\x48\x8d\x05") ||
                      HAS("\x48\x8b\x05"))) { /* lea or mov, rdi or rax */
        uint64_t to = relative(p + 3, end7);
        *(p[2] == 0x3d ? &m->argument : &m->result) =
            p[1] == 0x8d ? known(to) : loaded(m->file, to);
        m->at = end7;
        return STEP_ON;
    }
    if (size >= 5 && HAS("\xe8")) {
        m->at = end5;
        return call(m, x86_stub(m->file, relative(p + 1, end5)));
    }
    if (size >= 5 && HAS("\xe9"))
        return x86_jump(m, relative(p + 1, end5));
    if (size >= 6 && HAS("\xff\x15")) {
        m->at = end6;
        return call(m, imported_at(m->file, relative(p + 2, end6)));
    }
    if (size >= 6 && HAS("\xff\x25"))
        return tail_call(m, imported_at(m->file, relative(p + 2, end6)));
    return STEP_LOST;
}

/* ---- aarch64 ---- */

static bool arm_word(const struct elf_file *f, uint64_t at, uint32_t *word)
{
    uint64_t value;
    if (at % 4 || elf_place(f, at) != ELF_CODE || !elf_number(f, at, 4, &value))
        return false;
    *word = (uint32_t)value;
    return true;
}

static uint64_t arm_page(uint32_t w, uint64_t at)
{
    uint64_t pages = (uint64_t)(w >> 5 & 0x7ffff) << 2 | (w >> 29 & 3); /* 21 bits, signed */
    if (pages & 1u << 20)
        pages |= ~(uint64_t)0x1fffff;
    return (at & ~(uint64_t)0xfff) + (pages << 12);
}

static uint64_t arm_branch(uint32_t w, uint64_t at)
{
    uint64_t words = w & 0x3ffffff; /* signed */
    if (words & 1u << 25)
        words |= ~(uint64_t)0x3ffffff;
    return at + (words << 2);
}

static bool arm_is_adrp(uint32_t w, unsigned reg)
{
    return (w & 0x9f00001f) == (0x90000000 | reg);
}

/* adrp x16, page; ldr x17, [x16, n]; add x16, x16, n; br x17 */
static const char *arm_stub(const struct elf_file *f, uint64_t at)
{
    uint32_t page, load;
    if (arm_word(f, at, &page) && page == 0xd503245f) /* bti c */
        at += 4;
    if (!arm_word(f, at, &page) || !arm_is_adrp(page, 16) || !arm_word(f, at + 4, &load) ||
        (load & 0xffc003ff) != 0xf9400211)
        return NULL;
    return imported_at(f, arm_page(page, at) + (load >> 10 & 0xfff) * 8);
}

static enum step arm_step(struct machine *m)
{
    uint32_t w;
    if (!arm_word(m->file, m->at, &w))
        return STEP_LOST;
    uint64_t at = m->at;
    m->at += 4;
    switch (w) {
    case 0xd503245f: /* bti c */
    case 0xd503233f: /* paciasp */
    case 0xd50323bf: /* autiasp */
    case 0xd503201f: /* nop */
    case 0xa9bf7bfd: /* stp x29, x30, [sp, -16]! */
    case 0xa8c17bfd: /* ldp x29, x30, [sp], 16 */
    case 0x910003fd: /* mov x29, sp */
        return STEP_ON;
    case 0xd65f03c0: /* ret */
        return STEP_RETURN;
    }
    if ((w & 0xffe0001f) == 0x52800001) /* mov w1, n: PyModule_Create2's second argument */
        return STEP_ON;
    if (arm_is_adrp(w, 0)) { /* x0 is both the first argument and the result */
        m->scratch = known(arm_page(w, at));
        m->argument = m->result = (struct value){0};
        return STEP_ON;
    }
    if ((w & 0xffc003ff) == 0x91000000 && m->scratch.known) { /* add x0, x0, n */
        m->argument = m->result = known(m->scratch.address + (w >> 10 & 0xfff));
        m->scratch = (struct value){0};
        return STEP_ON;
    }
    if ((w & 0xffc003ff) == 0xf9400000 && m->scratch.known) { /* ldr x0, [x0, n] */
        m->argument = m->result = loaded(m->file, m->scratch.address + (w >> 10 & 0xfff) * 8);
        m->scratch = (struct value){0};
        return STEP_ON;
    }
    const char *callee = arm_stub(m->file, arm_branch(w, at));
    if (w >> 26 == 0x25) /* bl */
        return call(m, callee);
    if (w >> 26 == 0x05 && callee) /* b */
        return tail_call(m, callee);
    m->at = arm_branch(w, at);
    return w >> 26 == 0x05 && m->jumps++ < JUMP_LIMIT ? STEP_ON : STEP_LOST;
}

/* ---- Both ---- */

struct code code_of(const struct elf_file *f, uint64_t function)
{
    struct machine m = {.file = f, .at = function};
    const struct elf_facts *facts = elf_facts(f);
    enum step step = facts->is_x86_64 || facts->is_aarch64 ? STEP_ON : STEP_LOST;
    for (int i = 0; i < STEP_LIMIT && step == STEP_ON; i++)
        step = facts->is_x86_64 ? x86_step(&m) : arm_step(&m);
    if (step != STEP_RETURN || !m.result.known)
        return (struct code){.does = CODE_OTHER};
    if (m.callee && m.result.is_result)
        return (struct code){.does = CODE_CALLS, .address = m.handed, .callee = m.callee};
    if (!m.callee)
        return (struct code){.does = CODE_RETURNS, .address = m.result.address};
    return (struct code){.does = CODE_OTHER};
}

/* How many bytes of a constant may follow the distance at p[i]: a bit for each of 0, 1, 2, 4. Exact
 * for what writes constants to memory, and generous for all else. */
static unsigned x86_constants(const unsigned char *p, size_t i)
{
    enum { NONE = 1 << 0, BYTE = 1 << 1, SHORT = 1 << 2, LONG = 1 << 4 };
    if (i < 2 || (i >= 3 && p[i - 3] == 0x0f))
        return NONE | BYTE | SHORT | LONG;
    switch (p[i - 2]) {
    case 0x89: /* mov */
    case 0x8b:
    case 0x8d: /* lea */
        return NONE;
    case 0x80: /* add, or, and, sub, xor, cmp */
    case 0x83:
    case 0xc0: /* shifts */
    case 0xc1:
    case 0xc6: /* mov */
    case 0x6b: /* imul */
        return BYTE;
    case 0x81:
    case 0xc7:
    case 0x69:
        return SHORT | LONG;
    case 0xf7: /* test; not, neg … have none */
        return NONE | SHORT | LONG;
    }
    return NONE | BYTE;
}

/* Instructions of x86-64 name static variables by their distance from the instruction's end, which
 * is behind 4 bytes of distance and 0 to 4 of a constant; the byte before it says so. This looks at
 * every byte, also where none begins: it may see too much, and never too little. */
int code_refers_to(const struct elf_file *f, uint64_t from, uint64_t to)
{
    uint64_t address;
    size_t size;
    if (!elf_facts(f)->is_x86_64)
        return -1;
    const unsigned char *p;
    for (size_t n = 0; (p = elf_code(f, n, &address, &size)); n++)
        for (size_t i = 1; i + 4 <= size; i++) {
            if ((p[i - 1] & 0xc7) != 0x05)
                continue;
            uint64_t target = relative(p + i, address + i + 4);
            if (target + 4 < from || target >= to)
                continue;
            unsigned constants = x86_constants(p, i);
            for (unsigned c = 0; c <= 4; c++)
                if ((constants & 1u << c) && target + c >= from && target + c < to)
                    return 1;
        }
    return 0;
}
