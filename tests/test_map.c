/* What does a block of trit_map hold resident, and what lies behind it? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

enum { HUGE_PAGE = 2 << 20, MANY = 64 };

static size_t resident(const void *block, size_t bytes)
{
    size_t all, huge;
    trit_resident_at(block, bytes, &all, &huge);
    return all;
}

static void a_block_is_zeroed_and_as_large_as_asked(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1,
                                    4096,
                                    100 << 10,
                                    HUGE_PAGE / 4,
                                    HUGE_PAGE,
                                    HUGE_PAGE + 1,
                                    HUGE_PAGE * 5 / 4,
                                    HUGE_PAGE * 3 - 1,
                                    HUGE_PAGE * 4 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *block = trit_map(sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % HUGE_PAGE, 0);
        for (size_t at = 0; at < sizes[i]; at++)
            if (block[at])
                fail_msg("byte %zu of %zu is not zero", at, sizes[i]);
        memset(block, 1, sizes[i]);
        assert_true(resident(block, sizes[i]) >= sizes[i]);
        trit_unmap(block, sizes[i]);
    }
    assert_null(trit_map(0));
    assert_null(trit_map(SIZE_MAX));
    assert_null(trit_map(SIZE_MAX - HUGE_PAGE));
}

static void small_blocks_take_small_pages(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 100 << 10, HUGE_PAGE + 5000 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *blocks[MANY];
        size_t sum = 0;
        for (size_t j = 0; j < MANY; j++) {
            assert_non_null(blocks[j] = trit_map(sizes[i]));
            memset(blocks[j], 1, sizes[i]);
            sum += resident(blocks[j], sizes[i]);
        }
        assert_true(sum <= MANY * trit_round_up(sizes[i], page));
        for (size_t j = 0; j < MANY; j++)
            trit_unmap(blocks[j], sizes[i]);
    }
}

/* A system call tells whether memory can be read. */
static void nothing_can_be_read_behind_a_block(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 100 << 10, HUGE_PAGE, HUGE_PAGE + 5000 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *block = trit_map(sizes[i]);
        assert_non_null(block);
        const uint8_t *end = block + trit_round_up(sizes[i], page);
        assert_int_equal(write(ends[1], end - 1, 1), 1);
        assert_int_equal(write(ends[1], end, 1), -1);
        assert_int_equal(errno, EFAULT);
        trit_unmap(block, sizes[i]);
    }
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_zeroed_and_as_large_as_asked),
        cmocka_unit_test(small_blocks_take_small_pages),
        cmocka_unit_test(nothing_can_be_read_behind_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
