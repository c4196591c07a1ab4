/* Are the defaults of sampling those that a model's file advises, and is what they cannot be
   refused by the key's name? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/decode/defaults.h"

/* A file without tensors and with the keys of one type, 4 bytes each. */
struct file {
    uint8_t bytes[1024];
    size_t n;
};

static void put(struct file *f, const void *bytes, size_t n)
{
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

static void begin(struct file *f, uint64_t keys)
{
    f->n = 0;
    put(f, "GGUF", 4);
    put(f, (uint32_t[]){ 3 }, 4);
    put(f, (uint64_t[]){ 0, keys }, 16);
}

static void put_key(struct file *f, const char *name, uint32_t type, const void *value)
{
    char key[64];
    strcpy(key, "general.sampling.");
    strcat(key, name);
    put(f, (uint64_t[]){ strlen(key) }, 8);
    put(f, key, strlen(key));
    put(f, &type, 4);
    put(f, value, 4);
}

static void put_real(struct file *f, const char *name, float value)
{
    put_key(f, name, TRIT_GGUF_F32, &value);
}

static void put_whole(struct file *f, const char *name, int32_t value)
{
    put_key(f, name, TRIT_GGUF_I32, &value);
}

static enum trit_code advised(const struct file *f, struct trit_sampling *s, struct trit_error *e)
{
    struct trit_gguf *gguf;
    assert_int_equal(trit_gguf_parse(&gguf, f->bytes, f->n, "a.gguf", e), TRIT_OK);
    const enum trit_code code = trit_sampling_advised(s, gguf, e);
    trit_gguf_close(gguf);
    return code;
}

static void a_file_without_advice_leaves_the_defaults(void **state)
{
    struct file f;
    struct trit_sampling s;
    struct trit_error e;
    (void)state;
    begin(&f, 1);
    put_real(&f, "mirostat_tau", 5); /* of llama.cpp's, not served */
    assert_int_equal(advised(&f, &s, &e), TRIT_OK);
    assert_memory_equal(&s, &trit_sampling_default, sizeof s);
}

static void each_key_sets_its_default(void **state)
{
    struct file f;
    struct trit_sampling s;
    struct trit_error e;
    (void)state;
    begin(&f, 6);
    put_real(&f, "temp", 0.25f);
    put_whole(&f, "top_k", -1);
    put_real(&f, "top_p", 0.5f);
    put_real(&f, "min_p", 0.125f);
    put_real(&f, "penalty_repeat", 1.5f);
    put_whole(&f, "penalty_last_n", 32);
    assert_int_equal(advised(&f, &s, &e), TRIT_OK);
    assert_true(s.temperature == 0.25f && s.top_p == 0.5f && s.min_p == 0.125f);
    assert_true(s.repeat_penalty == 1.5f && s.top_k == -1 && s.repeat_last_n == 32);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
    static const struct {
        const char *name;
        float real;
    } bad[] = {
        { "temp", -1 },      { "temp", __builtin_nanf("") }, { "top_p", 1.5f },
        { "min_p", -0.25f }, { "penalty_repeat", 0 },
    };
    struct file f;
    struct trit_sampling s;
    struct trit_error e;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin(&f, 1);
        put_real(&f, bad[i].name, bad[i].real);
        assert_int_equal(advised(&f, &s, &e), TRIT_EFORMAT);
        assert_non_null(strstr(e.text, bad[i].name));
        assert_non_null(strstr(e.text, "a.gguf"));
    }
    begin(&f, 1);
    put_whole(&f, "top_k", -2);
    assert_int_equal(advised(&f, &s, &e), TRIT_EFORMAT);
    begin(&f, 1);
    put_real(&f, "top_k", 40); /* of another type */
    assert_int_equal(advised(&f, &s, &e), TRIT_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_without_advice_leaves_the_defaults),
        cmocka_unit_test(each_key_sets_its_default),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
