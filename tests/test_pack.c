/* Do the packings that the loader uses equal their definitions, and stay inside their buffers? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

static uint64_t random_state;

static uint32_t next(void)
{
    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(random_state >> 33);
}

/* The first bytes of blocks, worked out by hand from runtime/kernel/pack.h: 2 x 18 weights, rows of
   4, two slices. Of the weights all are 0 but few. */
static void expect(const char *packing, const int8_t *w, size_t bytes, int fill,
                   const uint8_t (*at)[2], size_t n)
{
    uint8_t packed[256], want[256];
    assert_int_equal(bytes, trit_packed_bytes(trit_packing_find(packing), 2, 18, 4));
    assert_true(bytes <= sizeof packed);
    memset(want, fill, bytes);
    for (size_t i = 0; i < n; i++)
        want[at[i][0]] = at[i][1];
    assert_true(trit_ref_pack(packing, 2, 18, w, 4, packed));
    assert_memory_equal(packed, want, bytes);
}

static void layout_is_as_documented(void **state)
{
    (void)state;
    int8_t w[2 * 18] = { 0 };
    w[0] = 1;       /* row 0, column 0 */
    w[13] = -1;     /* column 13: byte 1 */
    w[18 + 6] = 1;  /* row 1, column 6: byte 2 */
    w[18 + 17] = 1; /* column 17: byte 1 */
    static const uint8_t t2[][2] = { { 0, 0x56 }, { 1, 0x15 }, { 6, 0x59 }, { 21, 0x56 } },
                         l2[][2] = { { 0, 0x47 }, { 12, 0x43 }, { 5, 0x74 }, { 17, 0x45 } },
                         b2[][2] = { { 0, 0x01 }, { 4, 0x40 }, { 14, 0x02 }, { 16, 0x20 } };
    expect("t2", w, 32, 0x55, t2, 4);
    expect("l2", w, 32, 0x44, l2, 4);
    expect("b2", w, 32, 0x00, b2, 4);
    /* To the base 3: 21111, 11101, 12111, 11112; 128 is 11111. */
    static const uint8_t t5[][2] = { { 0, 213 }, { 1, 125 }, { 6, 156 }, { 5, 129 } };
    expect("t5", w, 16, 128, t5, 4);
    /* The last four to the base 3 are 40, 37, 67, 41: 64 and more take the first along. */
    static const uint8_t v5[][2] = { { 0, 168 }, { 1, 101 }, { 6, 202 }, { 5, 105 } };
    expect("v5", w, 16, 104, v5, 4);
    w[0] = 7, w[13] = -8;
    static const uint8_t i4[][2] = { { 0, 0x8f }, { 17, 0x08 }, { 6, 0x98 }, { 32 + 5, 0x89 } };
    expect("i4", w, 64, 0x88, i4, 4);
    w[0] = 127, w[13] = -127;
    static const uint8_t i8[][2] = { { 0, 254 }, { 49, 0 }, { 22, 128 }, { 64 + 5, 128 } };
    expect("i8", w, 128, 127, i8, 4);
}

/* Packs an n x k matrix block by block; malloc'd to the byte, so that ASan sees every slip. */
static void compare(const struct trit_packing *p, size_t n, size_t k, size_t nr)
{
    size_t ld = k + next() % 3, bytes = trit_packed_bytes(p, n, k, nr),
           block = trit_packed_bytes(p, nr, k, nr);
    assert_int_equal(bytes, (n + nr - 1) / nr * block);
    const size_t groups = p->group ? k / p->group : 0, lds = groups + next() % 3;
    int8_t *w = malloc(n * k), *back = malloc(n * k);
    uint8_t *codes = malloc((n - 1) * ld + k), *got = malloc(bytes), *want = malloc(bytes);
    uint16_t *scales = calloc(n * lds + 1, sizeof *scales),
             *dense = calloc(n * groups + 1, sizeof *dense);
    assert_true(w && back && codes && got && want && scales && dense);
    for (size_t j = 0; j < n; j++)
        for (size_t x = 0; x < k; x++) {
            const uint32_t step = (uint32_t)p->step, most = (uint32_t)(p->high - p->low) / step;
            codes[j * ld + x] = (uint8_t)(next() % (most + 1) * step);
            w[j * k + x] = (int8_t)(codes[j * ld + x] + p->low);
        }
    for (size_t i = 0; i < n * groups; i++)
        dense[i] = scales[i / groups * lds + i % groups] = (uint16_t)next();
    memset(got, 0xee, bytes);
    assert_true(trit_ref_pack(p->name, n, k, w, nr, want));
    assert_int_equal(trit_ref_pack_scales(p->name, n, k, dense, nr, want), p->group != 0);
    assert_true(trit_ref_unpack(p->name, n, k, want, nr, back));
    for (size_t j = 0; j < n; j += nr) {
        const size_t rows = n - j < nr ? n - j : nr;
        const struct trit_codes c = { codes + j * ld, ld, rows, k, scales + j * lds, lds };
        trit_pack_block(p, &c, nr, got + j / nr * block);
    }
    if (memcmp(got, want, bytes) || memcmp(back, w, n * k))
        fail_msg("%zu x %zu packed as %s with NR %zu", n, k, p->name, nr);
    free(w);
    free(back);
    free(codes);
    free(got);
    free(want);
    free(scales);
    free(dense);
}

static void packings_equal_their_definitions(void **state)
{
    (void)state;
    static const size_t nrs[] = { 2, 4, 8, 16, 32, 64 };
    const struct trit_packing *p;
    for (size_t each = 0; (p = trit_packing_at(each)); each++)
        for (size_t i = 0; i < (p->unit > 2 ? 2 : sizeof nrs / sizeof *nrs); i++) {
            const size_t nr = p->unit > 2 ? (i + 1) * p->unit : nrs[i], step = 1 + nr / 64;
            const size_t unit = p->group ? p->group : 1; /* of columns */
            for (size_t k = unit; k <= 90 || k <= 5 * p->group; k += step * unit)
                compare(p, 1 + next() % (2 * nr + 2), k, nr);
            for (size_t n = 1; n <= 2 * nr + 1; n += step)
                compare(p, n, (1 + next() % (p->group ? 4 : 200)) * unit, nr);
            compare(p, nr + 1, (2560 + next() % 20) / unit * unit, nr);
        }
}

/* The law that kernels count on: from any byte, each digit is 3 * byte / 256. */
static void t5_digits_come_off_one_by_one(void **state)
{
    (void)state;
    uint8_t codes[20] = { 0 }, out[4];
    for (int v = 0; v < 243; v++) {
        for (int p = 0, power = 81; p < 5; p++, power /= 3)
            codes[4 * p] = (uint8_t)(v / power % 3);
        trit_pack_block(trit_packing_find("t5"), &(struct trit_codes){ codes, 20, 1, 20, NULL, 0 },
                        1, out);
        int byte = out[0];
        for (int p = 0; p < 5; p++, byte = 3 * byte % 256)
            assert_int_equal(3 * byte / 256, codes[4 * p]);
    }
}

static void a_largest_k_keeps_to_int32(void **state)
{
    (void)state;
    const struct trit_packing *p;
    for (size_t each = 0; (p = trit_packing_at(each)); each++) {
        int64_t most = -p->low > p->high ? -p->low : p->high;
        assert_true(most * 128 * (int64_t)(p->group ? p->group : p->max_k) <= INT32_MAX);
        assert_true(p->max_k <= TRIT_MAX_K && p->kr <= TRIT_MAX_KR);
    }
    assert_null(trit_packing_find("t3"));
}

static void sizes_that_wrap_are_zero(void **state)
{
    (void)state;
    const struct trit_packing *t2 = trit_packing_find("t2");
    assert_int_equal(trit_packed_bytes(t2, SIZE_MAX / 4, 32, 32), 0);
    assert_int_equal(trit_packed_bytes(t2, SIZE_MAX, 16, 32), 0);
    assert_int_equal(trit_packed_bytes(t2, 32, SIZE_MAX, 32), 0);
    assert_int_equal(trit_packed_bytes(t2, 2560, 6912, 32), 2560 * 6912 / 4);
    assert_int_equal(trit_packed_bytes(trit_packing_find("t5"), 2560, 6912, 32), 2560 * 6920 / 5);
}

int main(int argc, char **argv)
{
    random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
    printf("seed %ju (an argument sets it)\n", (uintmax_t)random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_as_documented),
        cmocka_unit_test(packings_equal_their_definitions),
        cmocka_unit_test(t5_digits_come_off_one_by_one),
        cmocka_unit_test(a_largest_k_keeps_to_int32),
        cmocka_unit_test(sizes_that_wrap_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
