/* Are CPUs read right, those of others too, and does a probe survive whatever it is given? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/base/child.h"
#include "runtime/cpu/cpu.h"
#include "runtime/cpu/internal.h"
#include "runtime/kernel/probe.h"

struct leaf {
    uint32_t leaf, subleaf, regs[4];
};

/* A CPU as recorded: what CPUID answers, and the XCR0 that its system chose. */
struct recorded {
    const char *name;
    struct leaf leaves[8]; /* up to the first with leaf and regs all 0 */
    uint64_t xcr0;
    bool amx;
    uint32_t garbage; /* in every register of a leaf that is not there */
    const char *has, *lacks;
    int family, model, stepping;
};

static const struct recorded cpus[] = {
    { "AMD Zen 5",
      { { 0, 0, { 0x10, 0x68747541, 0x444d4163, 0x69746e65 } },
        { 1, 0, { 0x00b00f21, 0, 0xfef83203, 0 } },
        { 7, 0, { 1, 0xf1bf97a9, 0x1a405fde, 0x10000110 } },
        { 7, 1, { 0x30, 0, 0, 0 } },
        { 0x80000000, 0, { 0x80000021, 0, 0, 0 } },
        { 0x80000001, 0, { 0, 0, 0x20, 0 } } },
      .xcr0 = 0xe7,
      .has = "ssse3 avx avx2 f16c fma gfni avx512f avx512bw avx512vl avx512_vnni avx_vnni "
             "avx512_bf16 lzcnt",
      .lacks = "amx_tile avx512_fp16 avx_ifma avx_vnni_int8",
      .family = 26,
      .model = 2,
      .stepping = 1 },
    { "the same under a system that saves no zmm registers",
      { { 0, 0, { 0x10, 0x68747541, 0x444d4163, 0x69746e65 } },
        { 1, 0, { 0x00b00f21, 0, 0xfef83203, 0 } },
        { 7, 0, { 1, 0xf1bf97a9, 0x1a405fde, 0x10000110 } },
        { 7, 1, { 0x30, 0, 0, 0 } } },
      .xcr0 = 0x7,
      .has = "avx2 avx_vnni gfni f16c",
      .lacks = "avx512f avx512bw avx512_vnni avx512_bf16 lzcnt",
      .family = 26,
      .model = 2,
      .stepping = 1 },
    { "the same under a system without XSAVE",
      { { 0, 0, { 0x10, 0x68747541, 0x444d4163, 0x69746e65 } },
        { 1, 0, { 0x00b00f21, 0, 0xf6f83203, 0 } },
        { 7, 0, { 1, 0xf1bf97a9, 0x1a405fde, 0x10000110 } } },
      .xcr0 = 0xe7, /* not to be asked for */
      .has = "ssse3 sse4_1 bmi2",
      .lacks = "avx f16c fma avx2 avx512f",
      .family = 26,
      .model = 2,
      .stepping = 1 },
    { "Intel before leaf 7, which answers missing leaves with others' bits",
      { { 0, 0, { 2, 0x756e6547, 0x6c65746e, 0x49656e69 } },
        { 1, 0, { 0x000106a5, 0, 0x00980201, 0 } } },
      .garbage = UINT32_MAX,
      .has = "sse3 ssse3 sse4_1 sse4_2 popcnt",
      .lacks = "avx avx2 bmi2 avx512f avx_vnni amx_int8 lzcnt",
      .family = 6,
      .model = 26,
      .stepping = 5 },
    { "Intel with tiles, which the system refuses",
      { { 0, 0, { 0x20, 0x756e6547, 0x6c65746e, 0x49656e69 } },
        { 1, 0, { 0x000806f8, 0, 0xfffaf38b, 0 } },
        { 7, 0, { 1, 0xf3bfb7ef, 0x9bc27fee, 0xffd94432 } },
        { 7, 1, { 0x00001c30, 0, 0, 0 } } },
      .xcr0 = 0x600e7,
      .has = "avx512_vnni avx512_fp16 avx_vnni avx512_bf16 avx512_vbmi2",
      .lacks = "amx_tile amx_int8 amx_bf16",
      .family = 6,
      .model = 143,
      .stepping = 8 },
    { "Intel with tiles",
      { { 0, 0, { 0x20, 0x756e6547, 0x6c65746e, 0x49656e69 } },
        { 1, 0, { 0x000806f8, 0, 0xfffaf38b, 0 } },
        { 7, 0, { 1, 0xf3bfb7ef, 0x9bc27fee, 0xffd94432 } } },
      .xcr0 = 0x600e7,
      .amx = true,
      .has = "amx_tile amx_int8 amx_bf16 avx512_vnni",
      .lacks = "avx_ifma",
      .family = 6,
      .model = 143,
      .stepping = 8 },
};
enum { NCPUS = sizeof cpus / sizeof *cpus };

static void recorded_leaf(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
    const struct recorded *r = arg;
    for (int i = 0; i < 4; i++)
        regs[i] = leaf == 0x80000000 ? 0 : r->garbage;
    for (size_t i = 0; i < sizeof r->leaves / sizeof *r->leaves; i++)
        if (r->leaves[i].leaf == leaf && r->leaves[i].subleaf == subleaf &&
            (leaf || r->leaves[i].regs[0]))
            memcpy(regs, r->leaves[i].regs, sizeof r->leaves[i].regs);
}

static uint64_t recorded_xcr0(void *arg)
{
    const struct recorded *r = arg;
    assert_true(r->leaves[1].regs[TRIT_ECX] >> 27 & 1);
    return r->xcr0;
}

static bool recorded_amx(void *arg)
{
    const struct recorded *r = arg;
    return r->amx;
}

static int feature_bit(const char *word, size_t n)
{
    const char *name;
    for (int i = 0; (name = trit_cpu_feature_name(i)); i++)
        if (strlen(name) == n && !memcmp(name, word, n))
            return i;
    return -1;
}

static void assert_features(const char *cpu, uint64_t features, const char *words, bool want)
{
    for (size_t n; *words; words += n + (words[n] == ' ')) {
        n = strcspn(words, " ");
        int bit = feature_bit(words, n);
        if (bit < 0 || (features >> bit & 1) != want)
            fail_msg("%s: %.*s should be %d", cpu, (int)n, words, want);
    }
}

static void recorded_cpus_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < NCPUS; i++) {
        struct recorded r = cpus[i];
        struct trit_cpu cpu = { 0 };
        struct trit_cpuid source = { recorded_leaf, recorded_xcr0, recorded_amx, &r };
        trit_cpuid_decode(&source, &cpu);
        assert_features(r.name, cpu.features, r.has, true);
        assert_features(r.name, cpu.features, r.lacks, false);
        assert_int_equal(cpu.family, r.family);
        assert_int_equal(cpu.model, r.model);
        assert_int_equal(cpu.stepping, r.stepping);
        assert_string_equal(cpu.vendor, r.family == 6 ? "GenuineIntel" : "AuthenticAMD");
        assert_string_equal(cpu.brand, "");
    }
}

/* ARM CPUs as Linux tells them. */
static const struct {
    struct trit_hwcaps caps;
    const char *has, *lacks, *vendor, *brand;
    int model, stepping;
} arms[] = {
    { { 0x8ff, 0, 0x410fd034 },
      .has = "asimd",
      .lacks = "asimddp asimdhp i8mm sve avx2",
      .vendor = "ARM",
      .brand = "Cortex-A53",
      .model = 0xd03,
      .stepping = 4 },
    { { 0x10bfff, 0, 0x413fd0c1 },
      .has = "asimd asimdhp asimddp",
      .lacks = "i8mm bf16 sve sve2",
      .vendor = "ARM",
      .brand = "Neoverse-N1",
      .model = 0xd0c,
      .stepping = 0x31 },
    { { 0xdfffffff, 0x3fffff, 0 }, /* where MIDR_EL1 cannot be read */
      .has = "asimd asimddp i8mm bf16 sve sve2",
      .lacks = "ssse3 avx512f",
      .vendor = "",
      .brand = "" },
};

static void arm_cpus_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof arms / sizeof *arms; i++) {
        struct trit_cpu cpu = { .features = UINT64_MAX };
        trit_hwcaps_decode(&arms[i].caps, &cpu);
        assert_features(arms[i].brand, cpu.features, arms[i].has, true);
        assert_features(arms[i].brand, cpu.features, arms[i].lacks, false);
        assert_string_equal(cpu.vendor, arms[i].vendor);
        assert_string_equal(cpu.brand, arms[i].brand);
        assert_int_equal(cpu.model, arms[i].model);
        assert_int_equal(cpu.stepping, arms[i].stepping);
    }
}

static void padded_brands_are_trimmed(void **state)
{
    struct recorded r = {
        .leaves = { { 0x80000000, 0, { 0x80000004, 0, 0, 0 } },
                    { 0x80000002, 0, { 0x20202020, 0x50432020, 0x20202055, 0x20202020 } } }
    };
    struct trit_cpuid source = { recorded_leaf, recorded_xcr0, recorded_amx, &r };
    struct trit_cpu cpu = { 0 };
    (void)state;
    trit_cpuid_decode(&source, &cpu);
    assert_string_equal(cpu.brand, "CPU");
}

static void this_cpu_makes_sense(void **state)
{
    const struct trit_cpu *cpu = trit_cpu_get();
    (void)state;
    assert_ptr_equal(cpu, trit_cpu_get());
    assert_true(cpu->cores >= 1 && cpu->logical >= cpu->cores);
    assert_true(cpu->threads >= 1 && cpu->threads <= cpu->cores);
    assert_true(cpu->l3_all >= cpu->l3);
}

static void feature_names_are_distinct_words(void **state)
{
    const char *name;
    (void)state;
    for (int i = 0; (name = trit_cpu_feature_name(i)); i++) {
        assert_null(strchr(name, ' '));
        assert_int_equal(feature_bit(name, strlen(name)), i);
    }
    assert_null(trit_cpu_feature_name(-1));
}

/* A misspelt need would make an ISA unusable everywhere, and say it is the CPU's fault. */
static void isas_need_features_that_exist(void **state)
{
    static const char *const needs[] = {
#define TRIT_ISA(name, lanes, words) words,
#include "isas.inc"
#undef TRIT_ISA
    };
    (void)state;
    for (size_t i = 0; i < TRIT_NISA; i++)
        for (const char *word = needs[i]; *word; word += strspn(word, " ")) {
            size_t n = strcspn(word, " ");
            if (feature_bit(word, n) < 0)
                fail_msg("%s needs %.*s", trit_isa_name((enum trit_isa)i), (int)n, word);
            word += n;
        }
}

static void isas_are_found_by_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TRIT_NISA; i++)
        assert_int_equal(trit_isa_find(trit_isa_name((enum trit_isa)i)), i);
    assert_int_equal(trit_isa_find("pentium"), TRIT_NISA);
    assert_int_equal(trit_isa_find(""), TRIT_NISA);
    assert_false(trit_isa_usable(TRIT_NISA, NULL));
}

static void the_portable_isa_is_usable(void **state)
{
    const char *why;
    (void)state;
    assert_true(trit_isa_usable(trit_isa_find("c"), &why));
    assert_string_equal(why, "usable");
}

/* Weakest first: what has an ISA has those before it in its line. Caps and preferences follow this
   order. */
static void isas_are_in_order_of_strength(void **state)
{
    static const char *const lines[][6] = {
        { "c", "ssse3", "avx2", "avx512bw", "avx512vnni", "avx512vbmi" },
        { "c", "ssse3", "avx2", "avxvnni" },
        { "c", "neon", "dotprod", "i8mm" },
    };
    (void)state;
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++)
        for (size_t i = 1; i < 6 && lines[l][i]; i++) {
            enum trit_isa a = trit_isa_find(lines[l][i - 1]), b = trit_isa_find(lines[l][i]);
            assert_true(b == TRIT_NISA || a < b); /* TRIT_NISA: of another architecture */
        }
}

/* An ISA that the CPU has must pass its probe: else its kernels are wrong, or the features are. */
static void isas_with_their_features_are_usable(void **state)
{
    (void)state;
    if (getenv("TRITMILL_ISA"))
        skip();
    for (unsigned i = 0; i < TRIT_NISA; i++) {
        const char *why = NULL;
        if (!trit_isa_usable((enum trit_isa)i, &why) && strncmp(why, "CPU lacks ", 10))
            fail_msg("%s: %s", trit_isa_name((enum trit_isa)i), why);
    }
}

static bool right(enum trit_isa isa)
{
    return isa == 0;
}

static bool wrong(enum trit_isa isa)
{
    return isa != 0;
}

static bool leaves(enum trit_isa isa)
{
    (void)isa;
    _exit(0);
}

static bool breaks(enum trit_isa isa)
{
    (void)isa;
    raise(SIGILL);
    return true;
}

static bool traps(enum trit_isa isa)
{
    (void)isa;
    __builtin_trap();
}

static bool faults(enum trit_isa isa)
{
    (void)isa;
    raise(SIGSEGV);
    return true;
}

static bool divides(enum trit_isa isa)
{
    (void)isa;
    raise(SIGFPE);
    return true;
}

static bool loops(enum trit_isa isa)
{
    for (volatile bool on = true; on;)
        continue;
    return isa == 0;
}

struct isa_probe {
    bool (*probe)(enum trit_isa);
    enum trit_isa isa;
};

static bool run_probe(void *arg)
{
    const struct isa_probe *p = arg;
    return p->probe(p->isa);
}

static const char *try_isa(bool (*probe)(enum trit_isa), enum trit_isa isa)
{
    return trit_try(run_probe, &(struct isa_probe){ probe, isa });
}

static const struct {
    bool (*probe)(enum trit_isa);
    const char *end; /* NULL: passes */
} ends[] = {
    { right, NULL },
    { wrong, "gave wrong results" },
    { leaves, "exited early" },
    { breaks, "died with SIGILL" },
#if defined __x86_64__
    { traps, "died with SIGILL" },
#endif
    { faults, "died with SIGSEGV" },
    { divides, "died with SIGFPE" },
};

static void assert_ends(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = try_isa(ends[i].probe, 0);
        if (!end || !ends[i].end)
            assert_ptr_equal(end, ends[i].end);
        else
            assert_string_equal(end, ends[i].end);
    }
}

static void probes_that_die_are_named(void **state)
{
    (void)state;
    assert_ends();
}

static void probes_that_loop_are_stopped(void **state)
{
    (void)state;
    assert_string_equal(try_isa(loops, 0), "did not end in time");
}

static void swallow(int sig)
{
    (void)sig;
    _exit(0);
}

/* A host that catches and blocks the very signals which tell how a probe ended. */
static void probes_work_in_hosts_with_handlers(void **state)
{
    static const int signals[] = { SIGILL, SIGSEGV, SIGFPE, SIGALRM };
    struct sigaction act = { .sa_handler = swallow }, before[4];
    sigset_t blocked, old;
    (void)state;
    sigemptyset(&blocked);
    for (size_t i = 0; i < 4; i++) {
        sigaction(signals[i], &act, &before[i]);
        sigaddset(&blocked, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &old);
    assert_ends();
    sigprocmask(SIG_SETMASK, &old, NULL);
    for (size_t i = 0; i < 4; i++)
        sigaction(signals[i], &before[i], NULL);
}

/* Then exit statuses are thrown away by the kernel. */
static void probes_work_in_hosts_that_ignore_children(void **state)
{
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    (void)state;
    assert_null(try_isa(right, 0));
    assert_string_equal(try_isa(wrong, 0), "gave wrong results");
    assert_string_equal(try_isa(faults, 0), "exited early");
    signal(SIGCHLD, before);
}

/* In children, because verdicts are kept as long as the process lives. */
static bool cap_holds(enum trit_isa top)
{
    char want[64];
    const char *why;
    setenv("TRITMILL_ISA", trit_isa_name(top), 1);
    snprintf(want, sizeof want, "capped by TRITMILL_ISA=%s", trit_isa_name(top));
    for (unsigned i = 0; i < TRIT_NISA; i++) {
        bool usable = trit_isa_usable((enum trit_isa)i, &why);
        if (i > top && (usable || (strcmp(why, want) && strncmp(why, "CPU lacks ", 10))))
            return false;
        if (i <= top && strstr(why, "capped"))
            return false;
    }
    return trit_isa_cap_valid();
}

static bool unknown_cap_is_told(enum trit_isa isa)
{
    setenv("TRITMILL_ISA", "pentium", 1);
    const char *why;
    trit_isa_usable(isa, &why);
    return !trit_isa_cap_valid() && !strstr(why, "capped");
}

static void tritmill_isa_caps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TRIT_NISA; i++)
        assert_null(try_isa(cap_holds, (enum trit_isa)i));
    assert_null(try_isa(unknown_cap_is_told, (enum trit_isa)(TRIT_NISA - 1)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tritmill_isa_caps), /* before anything is judged here */
        cmocka_unit_test(recorded_cpus_are_decoded),
        cmocka_unit_test(arm_cpus_are_decoded),
        cmocka_unit_test(padded_brands_are_trimmed),
        cmocka_unit_test(this_cpu_makes_sense),
        cmocka_unit_test(feature_names_are_distinct_words),
        cmocka_unit_test(isas_need_features_that_exist),
        cmocka_unit_test(isas_are_found_by_name),
        cmocka_unit_test(isas_are_in_order_of_strength),
        cmocka_unit_test(the_portable_isa_is_usable),
        cmocka_unit_test(isas_with_their_features_are_usable),
        cmocka_unit_test(probes_that_die_are_named),
        cmocka_unit_test(probes_that_loop_are_stopped),
        cmocka_unit_test(probes_work_in_hosts_with_handlers),
        cmocka_unit_test(probes_work_in_hosts_that_ignore_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
