/* Is the memory that there is the least of what machine, control groups and limits leave, do sums
   of bytes stay at the top instead of wrapping, and is more than there is refused? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/base/room.h"
#include "runtime/model/family.h"
#include "runtime/model/model.h"

static char root[] = "/tmp/trit-room-XXXXXX";

static void put(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static void test_groups_2(void **state)
{
    (void)state;
    folder("/two");
    folder("/two/a");
    folder("/two/a/b");
    char top[64];
    snprintf(top, sizeof top, "%s/two", root);
    assert_true(trit_group_room(top, "/a/b", 2) == UINT64_MAX);
    put("/two/a/b", "memory.max", "max\n");
    put("/two/a/b", "memory.current", "700\n");
    assert_true(trit_group_room(top, "/a/b", 2) == UINT64_MAX);
    put("/two/a", "memory.max", "1000\n");
    put("/two/a", "memory.current", "900\n");
    assert_true(trit_group_room(top, "/a/b", 2) == 100);
    put("/two/a", "memory.stat", "anon 1\nfile 600\nactive_file 200\ninactive_file 300\n");
    assert_true(trit_group_room(top, "/a/b", 2) == 600);
    put("/two/a/b", "memory.max", "750\n");
    assert_true(trit_group_room(top, "/a/b", 2) == 50);
    put("/two/a/b", "memory.max", "600\n");
    assert_true(trit_group_room(top, "/a/b", 2) == 0);
    assert_true(trit_group_room(top, "/nowhere/b", 2) == UINT64_MAX);
}

static void test_groups_1(void **state)
{
    (void)state;
    folder("/one");
    folder("/one/a");
    char top[64];
    snprintf(top, sizeof top, "%s/one", root);
    put("/one/a", "memory.limit_in_bytes", "5000\n");
    put("/one/a", "memory.usage_in_bytes", "4000\n");
    put("/one/a", "memory.stat", "active_file 9\ntotal_active_file 100\ntotal_inactive_file 20\n");
    assert_true(trit_group_room(top, "/a", 1) == 1120);
    put("/one", "memory.limit_in_bytes", "9223372036854771712\n");
    put("/one", "memory.usage_in_bytes", "4000\n");
    assert_true(trit_group_room(top, "/a", 1) == 1120);
}

static void test_meminfo(void **state)
{
    (void)state;
    char path[64];
    folder("/proc");
    put("/proc", "meminfo", "MemTotal: 99 kB\nMemFree: 1 kB\nMemAvailable:     77 kB\n");
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    assert_true(trit_meminfo_room(path) == 77 * 1024);
    put("/proc", "meminfo", "MemTotal: 99 kB\n");
    assert_true(trit_meminfo_room(path) == UINT64_MAX);
}

/* gcc says it one way, clang the other. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
static const bool sanitized = true;
#elif defined __has_feature
static const bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
static const bool sanitized = false;
#endif

static void test_limit(void **state)
{
    (void)state;
    struct rlimit before, now;
    struct trit_error error;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    now = before;
    if (sanitized) /* it has taken more than any limit, and dies when it wants to grow */
        skip();
    now.rlim_cur = (rlim_t)1 << 40;
    assert_int_equal(setrlimit(RLIMIT_AS, &now), 0);
    assert_true(trit_memory_room() < (uint64_t)1 << 40);
    now.rlim_cur = 1 << 20; /* less than the program has */
    assert_int_equal(setrlimit(RLIMIT_AS, &now), 0);
    const uint64_t room = trit_memory_room();
    const enum trit_code code = trit_need_memory("this", 5000, "less", &error);
    setrlimit(RLIMIT_AS, &before);
    assert_true(room == 0);
    assert_int_equal(code, TRIT_EMEMORY);
    assert_string_equal(error.text, "this needs 5.0 kB of memory, and 0 B are available: less");
    assert_int_equal(trit_need_memory("this", 5000, "less", &error), TRIT_OK);
}

static void test_sums(void **state)
{
    (void)state;
    assert_true(trit_bytes_sum(3, 4) == 7);
    assert_true(trit_bytes_sum(UINT64_MAX - 1, 4) == UINT64_MAX);
    assert_true(trit_bytes_product(3, 4) == 12);
    assert_true(trit_bytes_product((uint64_t)1 << 40, (uint64_t)1 << 24) == UINT64_MAX);
    assert_true(trit_bytes_product(0, UINT64_MAX) == 0);
}

static void test_disk(void **state)
{
    (void)state;
    char path[128];
    struct trit_error error;
    snprintf(path, sizeof path, "%s/not/there/file", root);
    assert_true(trit_disk_room(path) > 0);
    assert_true(trit_disk_room(path) < UINT64_MAX);
    assert_true(trit_disk_room("file") < UINT64_MAX);
    assert_true(trit_disk_room("/dev/null") == UINT64_MAX);
    assert_int_equal(trit_need_disk(path, UINT64_MAX - 1, &error), TRIT_EIO);
    assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
    assert_int_equal(trit_need_disk("/dev/null", UINT64_MAX - 1, &error), TRIT_OK);
}

static struct trit_model *outline_of(const struct trit_config *config, enum trit_kv_type kv)
{
    const struct trit_outline_of of = { .config = config, .type = TRIT_I2_S, .embd = TRIT_F16 };
    const struct trit_load_options options = { .kv = kv };
    struct trit_model *outline;
    assert_int_equal(trit_model_outline(&outline, &of, 1, &options, NULL), TRIT_OK);
    return outline;
}

static void test_model(void **state)
{
    (void)state;
    struct trit_config c = { .vocab = 1000,
                             .hidden = 64,
                             .ffn = 128,
                             .layers = 2,
                             .heads = 4,
                             .kv_heads = 2,
                             .head_dim = 16,
                             .rope_dims = 16 };
    c.family = trit_family_find("llama", 5);
    struct trit_model_use use = { .sequences = 0 };
    struct trit_model_memory one, three;
    struct trit_model *outline = outline_of(&c, TRIT_KV_F16);
    /* 1.6 or 2 bits a weight, and a scale for each row */
    const uint64_t trits = 2 * (2 * 64 * (64 + 32) + 3 * 64 * 128);
    const uint64_t bare = trit_model_need(outline, &use, &one);
    assert_true(one.weights >= trits / 5 && one.weights < trits / 4 + 40000);
    assert_true(bare == one.weights + one.head && one.kv == 0 && one.work == 0);
    use = (struct trit_model_use){ .sequences = 1, .context = 112, .chunk = 8 };
    const uint64_t all = trit_model_need(outline, &use, &one);
    assert_true(one.kv == 112 * 2 * 2 * 16 * 2 * 2); /* positions, layers, heads, k and v */
    assert_true(all == bare + one.kv + one.work);
    use.sequences = 3;
    trit_model_need(outline, &use, &three);
    assert_true(three.kv == 3 * one.kv && three.weights == one.weights);
    trit_model_free(outline);
    use = (struct trit_model_use){ .sequences = 1, .context = 512, .chunk = 8 };
    outline = outline_of(&c, TRIT_KV_I8);
    trit_model_need(outline, &use, &one);
    assert_true(one.kv < 512 * 2 * 2 * 16 * 2 * 2);
    trit_model_free(outline);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_2), cmocka_unit_test(test_groups_1),
        cmocka_unit_test(test_meminfo),  cmocka_unit_test(test_limit),
        cmocka_unit_test(test_sums),     cmocka_unit_test(test_disk),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
