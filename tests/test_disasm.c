/* Is the hottest loop of a listing found, and its length and step right, for x86 and for ARM? Does
   a program know its own kernels' sizes, and refuse files that are none? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/compare/disasm.h"
#include "runtime/kernel.h"

/* Two loops in one; the outer has more instructions, the scalar one is longer. */
static const char x86[] = "\nk:     file format elf64-x86-64\n\n"
                          "0000000000001000 <kernel>:\n"
                          "    1000:\tendbr64\n"
                          "    1004:\tvpxord %zmm0,%zmm0,%zmm0\n"
                          "    100a:\tmov    (%rdi),%eax\n"
                          "    100c:\tadd    $0x4,%rdi\n"
                          "    1010:\tadd    %eax,%edx\n"
                          "    1012:\tadd    %eax,%ecx\n"
                          "    1014:\tadd    %eax,%ebx\n"
                          "    1016:\tjne    100a <kernel+0xa>\n"
                          "    1020:\tvmovdqu64 (%rsi),%zmm1\n"
                          "    1026:\tvpandd 0x40(%rsi),%zmm2,%zmm3\n"
                          "    102c:\tprefetcht0 0x2000(%rsi)\n"
                          "    1030:\tsub    $0xffffffffffffff80,%rsi\n"
                          "    1034:\tadd    $0x10,%rcx\n"
                          "    1038:\tvpdpbusd %zmm1,%zmm3,%zmm6        # 2000 <table>\n"
                          "    103e:\tcmp    %rax,%rcx\n"
                          "    1041:\tjne    1020 <kernel+0x20>\n"
                          "    1047:\tvaddps %zmm6,%zmm6,%zmm6\n"
                          "    104d:\tjmp    1004 <kernel+0x4>\n"
                          "    1052:\tcall   1020 <kernel+0x20>\n"
                          "    1057:\tret\n";

static const char arm[] = "0000000000001000 <kernel>:\n"
                          "    1000:\tmovi\tv0.4s, #0x0\n"
                          "    1004:\tld1\t{v1.16b, v2.16b}, [x3], #32\n"
                          "    1008:\tldr\tq3, [x5, #16]\n"
                          "    100c:\tsdot\tv0.4s, v1.16b, v3.4b[0]\n"
                          "    1010:\tadd\tx5, x5, #0x10\n"
                          "    1014:\tcmp\tx5, x6\n"
                          "    1018:\tb.ne\t1004 <kernel+0x4>  // b.any\n"
                          "    101c:\tret\n";

static struct trit_loop *loop_of(const char *listing, size_t bytes, size_t columns)
{
    static struct trit_loop loop;
    loop = (struct trit_loop){ 0 };
    return trit_loop_find(listing, bytes, columns, &loop) ? &loop : NULL;
}

static void finds_the_vector_loop(void **state)
{
    (void)state;
    const struct trit_loop *loop = loop_of(x86, 128, 16);
    assert_non_null(loop);
    assert_int_equal(loop->instructions, 8);
    assert_int_equal(loop->vectors, 3);
    assert_int_equal(loop->slices, 1);
    assert_string_equal(loop->text, "vmovdqu64 (%rsi),%zmm1\n"
                                    "vpandd 0x40(%rsi),%zmm2,%zmm3\n"
                                    "prefetcht0 0x2000(%rsi)\n"
                                    "sub    $0xffffffffffffff80,%rsi\n"
                                    "add    $0x10,%rcx\n"
                                    "vpdpbusd %zmm1,%zmm3,%zmm6\n"
                                    "cmp    %rax,%rcx\n"
                                    "jne    0\n");
}

/* Unrolled twice; weights reached through the activations' index; no known step at all. */
static void counts_slices(void **state)
{
    (void)state;
    assert_int_equal(loop_of(x86, 64, 16)->slices, 2);
    assert_int_equal(loop_of(x86, 96, 16)->slices, 1);
    assert_int_equal(loop_of(x86, 96, 20)->slices, 0);
}

static void reads_arm(void **state)
{
    (void)state;
    const struct trit_loop *loop = loop_of(arm, 32, 16);
    assert_non_null(loop);
    assert_int_equal(loop->instructions, 6);
    assert_int_equal(loop->vectors, 3);
    assert_int_equal(loop->slices, 1);
}

static void refuses_what_has_no_loop(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "no listing at all\n 12:\n 13: x\n",
        "  10:\tvaddps %zmm0,%zmm0,%zmm0\n  16:\tret\n",
        "  10:\tadd %eax,%eax\n  12:\tjne    10 <f>\n", /* no vector */
        "  10:\tvaddps %zmm0,%zmm0,%zmm0\n  16:\tjne    8 <f>\n",
        "  10:\tjne <",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_null(loop_of(texts[i], 64, 16));
}

static void knows_its_own_kernels(void **state)
{
    (void)state;
    static struct trit_loop loop;
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = 0;
    size_t seen = 0, loops = 0;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        struct trit_functions f;
        const char *why = "";
        if (kernel->op != TRIT_OP_gemv || strcmp(kernel->packing, "t2"))
            continue;
        if (!trit_elf_functions(path, kernel->name, &f, &why))
            fail_msg("%s: %s", kernel->name, why);
        assert_true(f.count >= 1 && f.bytes >= 64 && f.end > f.begin && f.bytes <= f.end - f.begin);
        seen++;
        if (loops < 3 && trit_disasm_loop(path, &f, (size_t)kernel->nr * 4, 16, &loop, &why))
            loops += loop.instructions >= loop.vectors && loop.vectors > 0;
        else if (loops < 3 && strstr(why, "objdump"))
            loops = 3; /* not installed */
    }
    assert_true(seen >= 1);
    assert_int_equal(loops, 3);
}

static void refuse(const char *path, const char *name)
{
    struct trit_functions f;
    const char *why = NULL;
    assert_false(trit_elf_functions(path, name, &f, &why));
    assert_non_null(why);
    assert_true(strlen(why) > 0);
}

/* Our own file with every byte of its head, and many of its section table, changed in turn: refused
   or read, never a fault. */
static void survives_damage(void **state)
{
    (void)state;
    char path[] = "/tmp/test_disasm.XXXXXX", block[8192];
    int fd = mkstemp(path);
    FILE *self = fopen("/proc/self/exe", "rb"), *out = fdopen(fd, "w+b");
    assert_true(self && out);
    size_t n, total = 0;
    while ((n = fread(block, 1, sizeof block, self)) > 0)
        total += fwrite(block, 1, n, out);
    fclose(self);
    for (size_t i = 0; i < 400; i++) {
        long at = i < 64 ? (long)i : (long)total - (long)(i - 63) * 7;
        fflush(out);
        fseek(out, at, SEEK_SET);
        int old = fgetc(out);
        for (int flip = 0x80; flip > 0; flip >>= 3) {
            struct trit_functions f;
            const char *why;
            fseek(out, at, SEEK_SET);
            fputc(old ^ flip, out);
            fflush(out);
            trit_elf_functions(path, "trit_gemv_t2_i8_1x8x16__c", &f, &why);
        }
        fseek(out, at, SEEK_SET);
        fputc(old, out);
    }
    fclose(out);
    unlink(path);
}

static void refuses_other_files(void **state)
{
    (void)state;
    refuse("/nonexistent/file", "x");
    refuse("/dev/null", "x");
    refuse("/proc/self/exe", "trit_no_such_kernel");
    refuse("/proc/self/exe", "");
    refuse("/etc/passwd", "x");
}

static void runs_programs(void **state)
{
    (void)state;
    static const char *const cat[] = { "cat", NULL }, *const none[] = { "no-such-program", NULL },
                             *const fails[] = { "false", NULL };
    char *text = trit_child_output(cat, "some text", 4);
    assert_string_equal(text, "some");
    free(text);
    assert_null(trit_child_output(none, NULL, 100));
    assert_null(trit_child_output(fails, NULL, 100));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_vector_loop),
        cmocka_unit_test(counts_slices),
        cmocka_unit_test(reads_arm),
        cmocka_unit_test(refuses_what_has_no_loop),
        cmocka_unit_test(knows_its_own_kernels),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(runs_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
