/* Do C (runtime/kernel/name.c) and Lua (generator/name.lua) read kernels' names alike? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "runtime/base/random.h"
#include "runtime/kernel.h"
#include "runtime/kernel/name.h"

static uint64_t random_state;
static lua_State *lua; /* the module name.lua is on its stack */

static int begin(void **state)
{
    (void)state;
    lua = luaL_newstate();
    if (!lua)
        return -1;
    luaL_openlibs(lua);
    return luaL_dofile(lua, TRIT_SOURCE_DIR "/generator/name.lua") != LUA_OK;
}

static int end(void **state)
{
    (void)state;
    lua_close(lua);
    return 0;
}

static void expect_word(const char *field, const char *word, const char *name)
{
    lua_getfield(lua, -1, field);
    if (strcmp(lua_tostring(lua, -1), word) != 0)
        fail_msg("%s: %s is '%s' in Lua and '%s' in C", name, field, lua_tostring(lua, -1), word);
    lua_pop(lua, 1);
}

static void expect_number(const char *field, uint64_t number, const char *name)
{
    lua_getfield(lua, -1, field);
    if ((uint64_t)lua_tointeger(lua, -1) != number)
        fail_msg("%s: %s is %lld in Lua and %ju in C", name, field, lua_tointeger(lua, -1),
                 (uintmax_t)number);
    lua_pop(lua, 1);
}

/* Whether it is a name; both must say so, and the same of it. */
static bool is_name(const char *text)
{
    struct trit_name n;
    const bool ours = trit_name_parse(text, &n);
    lua_getfield(lua, -1, "parse");
    lua_pushstring(lua, text);
    const bool its = lua_pcall(lua, 1, 1, 0) == LUA_OK;
    if (ours != its)
        fail_msg("'%s' is %s name in C, %s in Lua", text, ours ? "a" : "no", its ? "one" : "none");
    if (ours) {
        expect_word("op", n.op, text);
        expect_word("packing", n.packing, text);
        expect_word("act", n.act, text);
        expect_word("isa", n.isa, text);
        expect_word("technique", n.technique, text);
        expect_number("mr", n.mr, text);
        expect_number("nr", n.nr, text);
        expect_number("kr", n.kr, text);
        expect_number("k", n.k, text);
        expect_number("n", n.n, text);
    }
    lua_pop(lua, 1);
    return ours;
}

static void every_kernels_name_is_its_declaration(void **state)
{
    (void)state;
    const struct trit_kernel *k;
    for (size_t i = 0; (k = trit_kernel_at(i)); i++) {
        struct trit_name n;
        assert_true(is_name(k->name));
        assert_true(trit_name_parse(k->name, &n));
        assert_string_equal(n.op, trit_op_name(k->op));
        assert_string_equal(n.packing, k->packing);
        assert_string_equal(n.act, k->act);
        assert_string_equal(n.isa, trit_isa_name(k->isa));
        assert_true(n.mr == (uint64_t)k->mr && n.nr == (uint64_t)k->nr && n.kr == (uint64_t)k->kr);
        assert_true(n.k == k->k && n.n == k->n);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "trit_gemm_t2_i8_12x32x16_k2560_n640__avx512vnni_p8u2gcc",
                                         "trit_gemm_t2_i8_12x32x16_n640__c",
                                         "trit_a0_0_0_0x0x0__0" };
    static const char *const others[] = { "",
                                          "trit_",
                                          "gemv_t2_i8_1x8x16__c",
                                          "trit_gemv_t2_i8_1x8x16_c",
                                          "trit_gemv_t2_i8_1x8x16__",
                                          "trit_gemv_t2_i8_1x8x16__c_",
                                          "trit_gemv_t2_i8_1x8x16__c_a_b",
                                          "trit_gemv_t2_i8_01x8x16__c",
                                          "trit_gemv_t2_i8_1x8x16_k0__c",
                                          "trit_gemv_t2_i8_1x8x16_n1_k1__c",
                                          "trit_gemv_t2_i8_1x8__c",
                                          "trit_0emv_t2_i8_1x8x16__c",
                                          "trit_gemv_t2_i8_1x8x16__c ",
                                          "trit_gemv__i8_1x8x16__c" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(is_name(names[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_name(others[i]))
            fail_msg("'%s' was taken for a name", others[i]);
}

/* A few letters of a real name are others, missing, or there twice. */
static void both_judge_slips_alike(void **state)
{
    (void)state;
    static const char letters[] = "_x0129akngQ -";
    size_t names = 0;
    for (int i = 0; i < 20000; i++) {
        char text[128];
        const size_t which = trit_random_next(&random_state) % trit_kernel_count();
        snprintf(text, sizeof text, "%s", trit_kernel_at(which)->name);
        for (uint64_t slips = 1 + trit_random_next(&random_state) % 3; slips > 0; slips--) {
            const size_t n = strlen(text), at = trit_random_next(&random_state) % n;
            switch (trit_random_next(&random_state) % 3) {
            case 0:
                text[at] = letters[trit_random_next(&random_state) % (sizeof letters - 1)];
                break;
            case 1:
                memmove(text + at, text + at + 1, n - at);
                break;
            default:
                memmove(text + at + 1, text + at, n - at + 1);
            }
        }
        names += is_name(text);
    }
    assert_true(names > 100 && names < 19900);
}

int main(int argc, char **argv)
{
    random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
    printf("seed %ju (an argument sets it)\n", (uintmax_t)random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernels_name_is_its_declaration),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(both_judge_slips_alike),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
