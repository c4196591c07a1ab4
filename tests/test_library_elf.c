/* Is an object refused that the loader would read otherwise than the check does, and does the
   loader survive whatever passes? An object is made by hand, with one thing changed each time. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/child.h"
#include "runtime/kernel/internal.h"

#if defined __x86_64__
enum { PAGE = 4096, ADDRESS = R_X86_64_RELATIVE, NAMED = R_X86_64_GLOB_DAT };
enum { RESOLVED = R_X86_64_IRELATIVE, THREADS = R_X86_64_TPOFF64, MACHINE = EM_X86_64 };
static const unsigned char trap[4] = { 0x0f, 0x0b };
static const char version[] = "GLIBC_2.2.5";
#else
enum { PAGE = 65536, ADDRESS = R_AARCH64_RELATIVE, NAMED = R_AARCH64_GLOB_DAT };
enum { RESOLVED = R_AARCH64_IRELATIVE, THREADS = R_AARCH64_TLS_TPREL, MACHINE = EM_AARCH64 };
static const unsigned char trap[4];
static const char version[] = "GLIBC_2.17";
#endif

enum { READ, WRITE, DYNAMIC, STACK, SPARE, NSEGMENTS };                /* program headers */
enum { BUCKETS, FIRST, BLOOM, SHIFT, BITS, BUCKET = 6, CHAIN, NHASH }; /* words of the hashes */
enum {
    NEEDED,
    STRTAB,
    STRSZ,
    SYMTAB,
    SYMENT,
    HASHES,
    RELA,
    RELASZ,
    RELAENT,
    VERSYM,
    VERNEED,
    VERNEEDNUM,
    END,
    NDYNAMIC = END + 8
};
enum { CODE = 24, NAME_LIBC = 1, NAME_STRLEN = 16, NAME_VERSION = 32, NAME_TABLE = 48 };

/* A library that exports `trit_kernel_library`, a pointer, and imports strlen. */
struct object {
    ElfW(Ehdr) head;
    ElfW(Phdr) segments[NSEGMENTS];
    uint32_t hashes[NHASH];
    ElfW(Sym) symbols[3];
    ElfW(Versym) versions[4];
    ElfW(Verneed) need;
    ElfW(Vernaux) aux;
    char names[72];
    ElfW(Rela) rela[2], resolved;
    unsigned char code[CODE];
    _Alignas(PAGE) ElfW(Dyn) dynamic[NDYNAMIC];
    ElfW(Addr) table, imported;
};

#define AT(field)    offsetof(struct object, field)
#define FIELD(field) AT(field), sizeof(((struct object *)0)->field)

static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;
    while (*name)
        h = h * 33 + (unsigned char)*name++;
    return h;
}

static void fill_tables(struct object *o)
{
    static const char table[] = "trit_kernel_library";
    strcpy(o->names + NAME_LIBC, "libc.so.6");
    strcpy(o->names + NAME_STRLEN, "strlen");
    strcpy(o->names + NAME_VERSION, version);
    strcpy(o->names + NAME_TABLE, table);
    o->symbols[1] =
        (ElfW(Sym)){ .st_name = NAME_STRLEN, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC) };
    o->symbols[2] = (ElfW(Sym)){ .st_name = NAME_TABLE,
                                 .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                 .st_shndx = 1,
                                 .st_value = AT(table),
                                 .st_size = sizeof o->table };
    o->versions[1] = 2;
    o->versions[2] = 1;
    o->need = (ElfW(Verneed)){ 1, 1, NAME_LIBC, sizeof o->need, 0 };
    o->aux = (ElfW(Vernaux)){ 0, 0, 2, NAME_VERSION, 0 };
    for (const char *p = version; *p; p++) { /* the old ELF hash */
        o->aux.vna_hash = (o->aux.vna_hash << 4) + (unsigned char)*p;
        o->aux.vna_hash = (o->aux.vna_hash ^ (o->aux.vna_hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    o->hashes[BUCKETS] = o->hashes[BLOOM] = 1;
    o->hashes[FIRST] = o->hashes[BUCKET] = 2;
    o->hashes[SHIFT] = 6;
    o->hashes[BITS] = o->hashes[BITS + 1] = UINT32_MAX;
    o->hashes[CHAIN] = gnu_hash(table) | 1;
    o->rela[0] = (ElfW(Rela)){ AT(table), ELF64_R_INFO(0, ADDRESS), AT(table) };
    o->rela[1] = (ElfW(Rela)){ AT(imported), ELF64_R_INFO(1, NAMED), 0 };
    o->resolved = (ElfW(Rela)){ AT(imported), ELF64_R_INFO(0, RESOLVED), AT(code) };
    memcpy(o->code, trap, sizeof trap);
}

static struct object *make(void)
{
    struct object *o = aligned_alloc(PAGE, sizeof *o);
    assert_non_null(o);
    memset(o, 0, sizeof *o);
    const size_t rest = sizeof *o - AT(dynamic);
    o->head = (ElfW(Ehdr)){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                            .e_type = ET_DYN,
                            .e_machine = MACHINE,
                            .e_version = EV_CURRENT,
                            .e_phoff = AT(segments),
                            .e_ehsize = sizeof o->head,
                            .e_phentsize = sizeof *o->segments,
                            .e_phnum = NSEGMENTS };
    const ElfW(Phdr) segments[NSEGMENTS] = {
        [READ] = { PT_LOAD, PF_R | PF_X, 0, 0, 0, AT(dynamic), AT(dynamic), PAGE },
        [WRITE] = { PT_LOAD, PF_R | PF_W, AT(dynamic), AT(dynamic), 0, rest, rest, PAGE },
        [DYNAMIC] = { PT_DYNAMIC, PF_R | PF_W, AT(dynamic), AT(dynamic), 0, sizeof o->dynamic,
                      sizeof o->dynamic, 8 },
        [STACK] = { PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 },
    };
    memcpy(o->segments, segments, sizeof segments);
    const ElfW(Dyn) dynamic[END] = {
        [NEEDED] = { DT_NEEDED, { NAME_LIBC } },
        [STRTAB] = { DT_STRTAB, { AT(names) } },
        [STRSZ] = { DT_STRSZ, { sizeof o->names } },
        [SYMTAB] = { DT_SYMTAB, { AT(symbols) } },
        [SYMENT] = { DT_SYMENT, { sizeof *o->symbols } },
        [HASHES] = { DT_GNU_HASH, { AT(hashes) } },
        [RELA] = { DT_RELA, { AT(rela) } },
        [RELASZ] = { DT_RELASZ, { sizeof o->rela } },
        [RELAENT] = { DT_RELAENT, { sizeof *o->rela } },
        [VERSYM] = { DT_VERSYM, { AT(versions) } },
        [VERNEED] = { DT_VERNEED, { AT(need) } },
        [VERNEEDNUM] = { DT_VERNEEDNUM, { 1 } },
    };
    memcpy(o->dynamic, dynamic, sizeof dynamic);
    fill_tables(o);
    return o;
}

/* As runtime/kernel/library.c loads it; true too where the loader refuses with a message. */
static bool load(void *arg)
{
    char name[32];
    const int fd = memfd_create("object", MFD_CLOEXEC);
    if (fd < 0 || write(fd, arg, sizeof(struct object)) != sizeof(struct object))
        return false;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle)
        (void)dlsym(handle, "trit_kernel_library");
    return true;
}

static bool load_and_use(void *arg)
{
    char name[32];
    const int fd = memfd_create("object", MFD_CLOEXEC);
    if (fd < 0 || write(fd, arg, sizeof(struct object)) != sizeof(struct object))
        return false;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    void **table = handle ? dlsym(handle, "trit_kernel_library") : NULL;
    return table && *table == table && table[1];
}

static enum trit_code check(const struct object *o, struct trit_error *error)
{
    return trit_elf_check("hand.so", (const uint8_t *)o, sizeof *o, error);
}

static void the_object_itself_is_good(void **state)
{
    (void)state;
    struct trit_error error = { 0 };
    struct object *o = make();
    if (check(o, &error))
        fail_msg("%s", error.text);
    const char *why = trit_try(load_and_use, o);
    if (why)
        fail_msg("the loader: %s", why);
    free(o);
}

static const struct fault {
    const char *what;
    struct {
        size_t at, bytes;
        uint64_t value;
    } set[3];
    ElfW(Dyn) add[6];
    const char *why;
} faults[] = {
    { "DT_PLTRELSZ twice, 0 first",
      { { 0 } },
      { { DT_JMPREL, { AT(resolved) } },
        { DT_PLTREL, { DT_RELA } },
        { DT_PLTRELSZ, { 0 } },
        { DT_PLTRELSZ, { sizeof(ElfW(Rela)) } } },
      "is there twice" },
    { "DT_RELASZ twice",
      { { FIELD(rela[1].r_info), RESOLVED } },
      { { DT_RELASZ, { sizeof(ElfW(Rela)) } } },
      "is there twice" },
    { "DT_STRTAB twice", { { 0 } }, { { DT_STRTAB, { AT(code) } } }, "is there twice" },
    { "part of a relocation",
      { { FIELD(rela[1].r_addend), AT(code) },
        { FIELD(rela[1].r_info), RESOLVED },
        { FIELD(dynamic[RELASZ].d_un), 25 } },
      { { 0 } },
      "relocations lie outside" },
    { "an ifunc relocation", { { FIELD(rela[1].r_info), RESOLVED } }, { { 0 } }, "(ifunc)" },
    { "the table an ifunc",
      { { FIELD(symbols[2].st_info), ELF64_ST_INFO(1, STT_GNU_IFUNC) },
        { FIELD(symbols[2].st_value), AT(code) } },
      { { 0 } },
      "(ifunc)" },
    { "a symbol of threads",
      { { FIELD(symbols[2].st_info), ELF64_ST_INFO(1, STT_TLS) } },
      { { 0 } },
      "a symbol with impossible numbers" },
    { "a relocation of threads",
      { { FIELD(rela[1].r_info), THREADS } },
      { { 0 } },
      "has a relocation of type" },
    { "a relocation elsewhere",
      { { FIELD(rela[0].r_offset), 1 << 30 } },
      { { 0 } },
      "has a relocation outside" },
    { "a relocation of code",
      { { FIELD(rela[0].r_offset), AT(code) } },
      { { 0 } },
      "has a relocation outside" },
    { "a relocation of the dynamic section",
      { { FIELD(rela[0].r_offset), AT(dynamic[RELA]) } },
      { { 0 } },
      "has a relocation outside" },
    { "relocations that can be written",
      { { FIELD(dynamic[RELA].d_un), AT(dynamic[END + 2]) } },
      { { 0 } },
      "relocations lie outside" },
    { "DT_REL's entries", { { FIELD(dynamic[RELAENT].d_un), 16 } }, { { 0 } }, "a value that" },
    { "DT_PLTREL of DT_REL", { { 0 } }, { { DT_PLTREL, { DT_REL } } }, "a value that" },
    { "DF_TEXTREL", { { 0 } }, { { DT_FLAGS, { DF_TEXTREL } } }, "rewrites its code" },
    { "DF_STATIC_TLS", { { 0 } }, { { DT_FLAGS, { DF_STATIC_TLS } } }, "a value that" },
    { "DF_1_INITFIRST", { { 0 } }, { { DT_FLAGS_1, { DF_1_INITFIRST } } }, "a value that" },
    { "DT_AUXILIARY", { { 0 } }, { { DT_AUXILIARY, { NAME_LIBC } } }, "stands for another" },
    { "DT_AUXILIARY, as the loader's 32 bits see it",
      { { 0 } },
      { { DT_AUXILIARY | (ElfW(Sxword))1 << 40, { NAME_LIBC } } },
      "is none that kernels need" },
    { "DT_SONAME", { { 0 } }, { { DT_SONAME, { NAME_LIBC } } }, "stands for another" },
    { "DT_RELR", { { 0 } }, { { 36, { AT(code) } } }, "is none that kernels need" },
    { "needs libc./x", { { AT(names[NAME_LIBC + 5]), 1, '/' } }, { { 0 } }, "needs libc./o.6" },
    { "needs libc.so.66", { { AT(names[NAME_LIBC + 9]), 1, '6' } }, { { 0 } }, "needs libc.so.66" },
    { "names without an end",
      { { FIELD(dynamic[STRSZ].d_un), NAME_VERSION + 2 } },
      { { 0 } },
      "names lies outside" },
    { "no names",
      { { FIELD(dynamic[STRTAB].d_tag), DT_BIND_NOW } },
      { { 0 } },
      "only a part of a table" },
    { "no hashes", { { FIELD(dynamic[HASHES].d_tag), DT_HASH } }, { { 0 } }, "has no hashes" },
    { "a chain without an end",
      { { FIELD(hashes[CHAIN]), 2 }, { FIELD(dynamic[HASHES].d_un), AT(dynamic) - NHASH * 4 } },
      { { 0 } },
      "hashes of symbols lie outside" },
    { "many buckets",
      { { FIELD(hashes[BUCKETS]), 1 << 30 } },
      { { 0 } },
      "hashes of symbols lie outside" },
    { "a Bloom filter of 3 words",
      { { FIELD(hashes[BLOOM]), 3 } },
      { { 0 } },
      "hashes of symbols lie outside" },
    { "a symbol's name",
      { { FIELD(symbols[2].st_name), 1 << 30 } },
      { { 0 } },
      "a symbol with impossible numbers" },
    { "a symbol's place",
      { { FIELD(symbols[2].st_value), 1 << 30 } },
      { { 0 } },
      "a symbol for memory" },
    { "a symbol far away",
      { { FIELD(rela[1].r_info), ELF64_R_INFO(1u << 30, NAMED) } },
      { { 0 } },
      "symbols lie outside" },
    { "a version far away",
      { { FIELD(versions[1]), 0x7fff } },
      { { 0 } },
      "a symbol with impossible numbers" },
    { "versions of another library",
      { { FIELD(need.vn_file), NAME_STRLEN } },
      { { 0 } },
      "needs strlen" },
    { "versions without an end",
      { { FIELD(need.vn_next), 1 << 30 } },
      { { 0 } },
      "versions of symbols lie outside" },
    { "versions of nothing",
      { { FIELD(dynamic[VERSYM].d_tag), DT_BIND_NOW } },
      { { 0 } },
      "only a part of a table" },
    { "no stack header",
      { { FIELD(segments[STACK].p_type), PT_NULL } },
      { { 0 } },
      "wants an executable stack" },
    { "segments that overlap",
      { { FIELD(segments[SPARE].p_type), PT_LOAD },
        { FIELD(segments[SPARE].p_flags), PF_R },
        { FIELD(segments[SPARE].p_memsz), 8 } },
      { { 0 } },
      "segments that overlap" },
    { "segments in one page",
      { { FIELD(segments[READ].p_memsz), AT(dynamic) + 8 } },
      { { 0 } },
      "segments that overlap" },
    { "a segment of more bytes than memory",
      { { FIELD(segments[WRITE].p_memsz), 8 } },
      { { 0 } },
      "impossible numbers" },
    { "a segment larger than memory",
      { { FIELD(segments[WRITE].p_memsz), UINT64_MAX / 2 } },
      { { 0 } },
      "impossible numbers" },
    { "a dynamic section that cannot be written",
      { { FIELD(segments[WRITE].p_flags), PF_R } },
      { { 0 } },
      "dynamic section is not" },
    { "two dynamic sections",
      { { FIELD(segments[SPARE].p_type), PT_DYNAMIC } },
      { { 0 } },
      "no dynamic section, or several" },
    { "protection of other memory",
      { { FIELD(segments[SPARE].p_type), PT_GNU_RELRO },
        { FIELD(segments[SPARE].p_memsz), 1 << 30 } },
      { { 0 } },
      "memory that it does not load" },
    { "variables of threads",
      { { FIELD(segments[SPARE].p_type), PT_TLS } },
      { { 0 } },
      "variables of threads" },
    { "other program headers in memory",
      { { FIELD(segments[SPARE].p_type), PT_PHDR }, { FIELD(segments[SPARE].p_memsz), 56 } },
      { { 0 } },
      "headers are not where" },
    { "many program headers",
      { { FIELD(head.e_phnum), 65535 } },
      { { 0 } },
      "more program headers" },
};

static void what_the_loader_reads_otherwise_is_refused(void **state)
{
    (void)state;
    size_t missed = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i];
        struct trit_error error = { 0 };
        struct object *o = make();
        for (size_t j = 0; j < 3; j++)
            memcpy((char *)o + f->set[j].at, &f->set[j].value, f->set[j].bytes);
        for (size_t j = 0; j < 6 && f->add[j].d_tag; j++)
            o->dynamic[END + j] = f->add[j];
        const bool passes = !check(o, &error);
        const char *end = passes ? trit_try(load, o) : NULL;
        if (passes || !strstr(error.text, f->why)) {
            print_error("%s: %s%s\n", f->what, passes ? "passes; the loader " : error.text,
                        end      ? end
                        : passes ? "takes it"
                                 : "");
            missed++;
        }
        free(o);
    }
    assert_int_equal(missed, 0);
}

/* Some bytes of an object, each bit of which is flipped in turn. */
struct flips {
    struct object *object;
    size_t begin, end, passed;
};

/* Loads what passes the check. */
static bool flip(void *arg)
{
    struct flips *f = arg;
    for (size_t bit = 8 * f->begin; bit < 8 * f->end; bit++) {
        uint8_t *byte = (uint8_t *)f->object + bit / 8;
        *byte ^= (uint8_t)(1 << bit % 8);
        if (!check(f->object, NULL)) {
            f->passed++;
            (void)load(f->object);
        }
        *byte ^= (uint8_t)(1 << bit % 8);
    }
    return f->passed > 0;
}

static void no_bit_makes_the_loader_die(void **state)
{
    enum { STEP = 8, USED = AT(imported) + sizeof(ElfW(Addr)) };
    (void)state;
    struct object *o = make();
    size_t passed = 0;
    for (size_t i = 0; i < USED; i += STEP) {
        struct flips f = { o, i, i + STEP, 0 };
        const char *why = trit_try(flip, &f);
        if (why && strcmp(why, "gave wrong results") != 0)
            fail_msg("a bit of bytes %zu to %zu: %s", i, i + STEP - 1, why);
        passed += !why;
        if (i + STEP == (AT(code) + STEP - 1) / STEP * STEP)
            i = AT(dynamic) - STEP;
    }
    printf("bits of %zu pieces of %d bytes pass the check\n", passed, STEP);
    assert_true(passed > 0);
    free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_itself_is_good),
        cmocka_unit_test(what_the_loader_reads_otherwise_is_refused),
        cmocka_unit_test(no_bit_makes_the_loader_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
