/* Does the packing that the loader uses equal the definition's, and stay inside its buffers? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/mem.h"
#include "runtime/pack.h"
#include "runtime/ref.h"

static uint64_t random_state;

static uint32_t next(void)
{
    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(random_state >> 33);
}

/* The first bytes of a block, worked out by hand from runtime/pack.h. */
static void layout_is_as_documented(void **state)
{
    (void)state;
    int8_t w[2 * 18] = { 0 };
    w[0] = 1;       /* row 0, column 0: byte 0, plane 0 */
    w[13] = -1;     /* column 13: byte 1, plane 3 */
    w[18 + 6] = 1;  /* row 1, column 6: byte 2, plane 1 */
    w[18 + 17] = 1; /* column 17: slice 1, byte 1, plane 0 */
    uint8_t packed[4 * 32 / 4], want[sizeof packed];
    memset(want, 0x55, sizeof want);
    want[0] = 0x56;
    want[1] = 0x15;
    want[4 + 2] = 0x59;
    want[16 + 4 + 1] = 0x56;
    trit_ref_pack_t2(2, 18, w, 4, 16, packed);
    assert_memory_equal(packed, want, sizeof packed);
}

/* Packs an n x k matrix block by block; malloc'd to the byte, so that ASan sees every slip. */
static void compare(size_t n, size_t k, size_t nr)
{
    size_t ld = k + next() % 3, bytes = trit_packed_bytes(trit_packing_find("t2"), n, k, nr),
           block = bytes / ((n + nr - 1) / nr);
    assert_int_equal(bytes, trit_round_up(n, nr) * trit_round_up(k, 16) / 4);
    int8_t *w = malloc(n * k);
    uint8_t *codes = malloc((n - 1) * ld + k), *got = malloc(bytes), *want = malloc(bytes);
    assert_true(w && codes && got && want);
    for (size_t j = 0; j < n; j++)
        for (size_t x = 0; x < k; x++) {
            codes[j * ld + x] = (uint8_t)(next() % 3);
            w[j * k + x] = (int8_t)(codes[j * ld + x] - 1);
        }
    memset(got, 0xee, bytes);
    trit_ref_pack_t2(n, k, w, nr, 16, want);
    for (size_t j = 0; j < n; j += nr)
        trit_t2_pack_block(n - j < nr ? n - j : nr, k, codes + j * ld, ld, nr, 16,
                           got + j / nr * block);
    if (memcmp(got, want, bytes))
        fail_msg("%zu x %zu packed with NR %zu", n, k, nr);
    free(w);
    free(codes);
    free(got);
    free(want);
}

static void packing_equals_the_definition(void **state)
{
    (void)state;
    static const size_t nrs[] = { 1, 2, 3, 8, 16, 32, 64 };
    for (size_t i = 0; i < sizeof nrs / sizeof *nrs; i++) {
        for (size_t k = 1; k <= 150; k++)
            compare(1 + next() % (2 * nrs[i] + 2), k, nrs[i]);
        for (size_t n = 1; n <= 2 * nrs[i] + 1; n++)
            compare(n, 1 + next() % 200, nrs[i]);
        compare(nrs[i] + 1, 6912, nrs[i]);
    }
}

static void sizes_that_wrap_are_zero(void **state)
{
    (void)state;
    assert_int_equal(trit_packed_bytes(trit_packing_find("t2"), SIZE_MAX / 4, 32, 32), 0);
    assert_int_equal(trit_packed_bytes(trit_packing_find("t2"), SIZE_MAX, 16, 32), 0);
    assert_int_equal(trit_packed_bytes(trit_packing_find("t2"), 32, SIZE_MAX, 32), 0);
    assert_int_equal(trit_packed_bytes(trit_packing_find("t2"), 2560, 6912, 32), 2560 * 6912 / 4);
}

int main(int argc, char **argv)
{
    random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
    printf("seed %ju (an argument sets it)\n", (uintmax_t)random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_as_documented),
        cmocka_unit_test(packing_equals_the_definition),
        cmocka_unit_test(sizes_that_wrap_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
