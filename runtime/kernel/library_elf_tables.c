/* The tables by which the loader binds a shared object's names: names, symbols and their hashes,
   versions, relocations. It trusts what stands in them, so all of it is held against the file. They
   must lie where nothing is written: a relocation could else change those that follow. */
#define _GNU_SOURCE
#include <elf.h>
#include <string.h>

#include "runtime/base/arch.h"
#include "runtime/kernel/internal.h"

enum { MOST_LIBRARIES = 16, MOST_VERSIONS = 256, HIDDEN = 0x8000 };

/* Relocations that write an address, or nothing. */
#if defined __x86_64__
static const unsigned relocations[] = { R_X86_64_NONE, R_X86_64_64, R_X86_64_GLOB_DAT,
                                        R_X86_64_JUMP_SLOT, R_X86_64_RELATIVE };
#elif defined __aarch64__
static const unsigned relocations[] = { R_AARCH64_NONE, R_AARCH64_ABS64, R_AARCH64_GLOB_DAT,
                                        R_AARCH64_JUMP_SLOT, R_AARCH64_RELATIVE };
#else
static const unsigned relocations[] = { 0 };
#endif

static const char *const needed[] = { "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2",
                                      "ld-linux-aarch64.so.1" };

enum trit_code trit_elf_check_needed(const struct trit_elf *e, uint64_t name)
{
    if (name >= e->nstrings)
        return trit_elf_bad(e, "its table of names lies outside the file");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!strcmp(e->strings + name, needed[i]))
            return TRIT_OK;
    return trit_fail(e->error, TRIT_EUNSUPPORTED,
                     "%s: needs %.60s: kernels may need libc and libm only", e->path,
                     e->strings + name);
}

/* Where an entry of the dynamic section says; NULL without the entry. */
static const uint8_t *table(const struct trit_elf *e, enum trit_elf_tag tag, size_t *room)
{
    return e->has[tag] ? trit_elf_fixed(e, e->value[tag], room) : NULL;
}

static enum trit_code find_names(struct trit_elf *e)
{
    size_t room = 0;
    const uint8_t *at = table(e, TRIT_ELF_STRTAB, &room);
    e->nstrings = e->value[TRIT_ELF_STRSZ];
    if (!at || !e->nstrings || e->nstrings > room || at[e->nstrings - 1])
        return trit_elf_bad(e, "its table of names lies outside the file");
    e->strings = (const char *)at;
    return TRIT_OK;
}

/* The bytes of an entry at `offset` of a table. */
static bool take(const uint8_t *at, size_t room, size_t offset, void *entry, size_t bytes)
{
    if (offset > room || bytes > room - offset)
        return false;
    memcpy(entry, at + offset, bytes);
    return true;
}

/* The versions that are wanted of one library. */
static bool walk_versions(struct trit_elf *e, const uint8_t *at, size_t room, size_t offset)
{
    for (size_t i = 0; i < MOST_VERSIONS; i++) {
        ElfW(Vernaux) aux;
        if (!take(at, room, offset, &aux, sizeof aux))
            return false;
        const unsigned version = aux.vna_other & (HIDDEN - 1);
        e->version = version > e->version ? version : e->version;
        if (aux.vna_name >= e->nstrings)
            return false;
        if (!aux.vna_next)
            return true;
        offset += aux.vna_next;
    }
    return false;
}

/* The loader asserts that each library is loaded, so it must be one that may be needed. */
static enum trit_code check_versions(struct trit_elf *e)
{
    static const char lost[] = "its versions of symbols lie outside the file";
    size_t room = 0, symbols = 0, offset = 0;
    if (!e->has[TRIT_ELF_VERNEED])
        return TRIT_OK;
    const uint8_t *at = table(e, TRIT_ELF_VERNEED, &room);
    e->versions = table(e, TRIT_ELF_VERSYM, &symbols);
    e->nversions = symbols / sizeof(ElfW(Versym));
    e->version = 1; /* 0 and 1 are local and global */
    for (size_t i = 0; at && e->versions && i < MOST_LIBRARIES; i++) {
        ElfW(Verneed) need;
        if (!take(at, room, offset, &need, sizeof need))
            return trit_elf_bad(e, lost);
        const enum trit_code code = trit_elf_check_needed(e, need.vn_file);
        if (code)
            return code;
        if (!walk_versions(e, at, room, offset + need.vn_aux))
            return trit_elf_bad(e, lost);
        if (!need.vn_next)
            return TRIT_OK;
        offset += need.vn_next;
    }
    return trit_elf_bad(e, lost);
}

static enum trit_code check_symbol(const struct trit_elf *e, uint64_t index)
{
    ElfW(Sym) sym;
    ElfW(Versym) version = 0;
    if (index >= e->nsymbols || (e->versions && index >= e->nversions))
        return trit_elf_bad(e, "its symbols lie outside the file");
    memcpy(&sym, e->symbols + index * sizeof sym, sizeof sym);
    if (e->versions)
        memcpy(&version, e->versions + index * sizeof version, sizeof version);
    if (ELF64_ST_TYPE(sym.st_info) == STT_GNU_IFUNC)
        return trit_elf_bad(e, "chooses functions when it is loaded (ifunc)");
    if (ELF64_ST_TYPE(sym.st_info) > STT_SECTION || sym.st_name >= e->nstrings ||
        (version & (HIDDEN - 1)) > e->version)
        return trit_elf_bad(e, "has a symbol with impossible numbers");
    if (sym.st_shndx != SHN_UNDEF &&
        (sym.st_shndx == SHN_ABS || !trit_elf_covers(e, sym.st_value, 0, PF_R)))
        return trit_elf_bad(e, "has a symbol for memory that it does not load");
    return TRIT_OK;
}

/* The word of a hash table. */
static uint32_t word(const uint8_t *at, size_t i)
{
    uint32_t value;
    memcpy(&value, at + i * sizeof value, sizeof value);
    return value;
}

/* How many symbols DT_GNU_HASH speaks of; false where it leaves its segment. All chains end where
   the last one does, or before. */
static bool count_symbols(const struct trit_elf *e, uint64_t *n)
{
    enum { BUCKETS, FIRST, BLOOM, SHIFT, HEAD };
    size_t room = 0;
    const uint8_t *at = table(e, TRIT_ELF_GNU_HASH, &room);
    const uint64_t words = room / 4;
    if (!at || words < HEAD)
        return false;
    const uint64_t buckets = word(at, BUCKETS), first = word(at, FIRST), bloom = word(at, BLOOM),
                   begin = HEAD + bloom * (sizeof(ElfW(Addr)) / 4), chains = begin + buckets;
    if (chains > words || !bloom || (bloom & (bloom - 1)) || word(at, SHIFT) > 31)
        return false;
    uint64_t last = 0;
    for (uint64_t i = begin; i < chains; i++) {
        const uint64_t symbol = word(at, (size_t)i);
        if (symbol && symbol < first)
            return false;
        last = symbol > last ? symbol : last;
    }
    *n = first;
    if (!last)
        return true;
    while (chains + last - first < words && !(word(at, (size_t)(chains + last - first)) & 1))
        last++;
    *n = last + 1;
    return chains + last - first < words;
}

static enum trit_code check_symbols(struct trit_elf *e)
{
    size_t room = 0;
    uint64_t n;
    e->symbols = table(e, TRIT_ELF_SYMTAB, &room);
    e->nsymbols = room / sizeof(ElfW(Sym));
    if (!e->symbols)
        return trit_elf_bad(e, "its symbols lie outside the file");
    if (!e->has[TRIT_ELF_GNU_HASH])
        return trit_elf_bad(e, "has no hashes of its symbols (DT_GNU_HASH)");
    if (!count_symbols(e, &n))
        return trit_elf_bad(e, "its hashes of symbols lie outside the file");
    enum trit_code code = TRIT_OK;
    for (uint64_t i = 0; i < n && !code; i++)
        code = check_symbol(e, i);
    return code;
}

/* It writes to variables of the library, and not to what the loader goes by. */
static bool right_place(const struct trit_elf *e, uint64_t at)
{
    const ElfW(Phdr) *d = &e->dynamic;
    return trit_elf_covers(e, at, sizeof(ElfW(Addr)), PF_R | PF_W) &&
           (at + sizeof(ElfW(Addr)) <= d->p_vaddr || at >= d->p_vaddr + d->p_memsz);
}

static enum trit_code check_relocation(const struct trit_elf *e, const ElfW(Rela) * rela)
{
    size_t i = 0;
    const unsigned type = (unsigned)ELF64_R_TYPE(rela->r_info);
    if (type == TRIT_ELF_RESOLVED)
        return trit_elf_bad(e, "chooses functions when it is loaded (ifunc)");
    while (i < sizeof relocations / sizeof *relocations && type != relocations[i])
        i++;
    if (i == sizeof relocations / sizeof *relocations)
        return trit_fail(e->error, TRIT_EFORMAT,
                         "%s: has a relocation of type %u, which kernels "
                         "do not need",
                         e->path, type);
    if (!right_place(e, rela->r_offset))
        return trit_elf_bad(e, "has a relocation outside of its variables");
    const uint64_t symbol = ELF64_R_SYM(rela->r_info);
    return symbol ? check_symbol(e, symbol) : TRIT_OK;
}

/* The loader goes on until it is past the end, so the size must be that of whole relocations. */
static enum trit_code check_relocations(const struct trit_elf *e, enum trit_elf_tag where,
                                        enum trit_elf_tag bytes)
{
    const uint64_t size = e->value[bytes];
    size_t room = 0;
    const uint8_t *at = size ? table(e, where, &room) : NULL;
    if (size && (!at || size > room || size % sizeof(ElfW(Rela))))
        return trit_elf_bad(e, "its relocations lie outside the file");
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < size / sizeof(ElfW(Rela)) && !code; i++) {
        ElfW(Rela) rela;
        memcpy(&rela, at + i * sizeof rela, sizeof rela);
        code = check_relocation(e, &rela);
    }
    return code;
}

/* The loader does not ask whether an entry is there that belongs to another. */
static enum trit_code check_company(const struct trit_elf *e)
{
    static const enum trit_elf_tag together[][3] = {
        { TRIT_ELF_RELA, TRIT_ELF_RELASZ, TRIT_ELF_RELAENT },
        { TRIT_ELF_JMPREL, TRIT_ELF_PLTRELSZ, TRIT_ELF_PLTREL },
        { TRIT_ELF_VERNEED, TRIT_ELF_VERNEEDNUM, TRIT_ELF_VERSYM },
        { TRIT_ELF_STRTAB, TRIT_ELF_STRSZ, TRIT_ELF_SYMTAB },
    };
    for (size_t i = 0; i < sizeof together / sizeof *together; i++)
        for (size_t j = 1; j < 3; j++)
            if (e->has[together[i][j]] != e->has[together[i][0]])
                return trit_elf_bad(e, "its dynamic section tells only a part of a table");
    return TRIT_OK;
}

enum trit_code trit_elf_check_tables(struct trit_elf *e)
{
    enum trit_code code = check_company(e);
    if (!code)
        code = find_names(e);
    if (!code)
        code = check_versions(e);
    if (!code)
        code = check_symbols(e);
    if (!code)
        code = check_relocations(e, TRIT_ELF_RELA, TRIT_ELF_RELASZ);
    if (!code)
        code = check_relocations(e, TRIT_ELF_JMPREL, TRIT_ELF_PLTRELSZ);
    return code;
}
