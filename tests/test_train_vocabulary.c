/* Is a vocabulary that was learnt the same as GGUF and as tokenizer.json, and does its template
   write chats as texts to train on have them? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/chat/chat.h"
#include "runtime/train/vocabulary.h"

enum { SIZE = 400, NCONTROL = 4 };

static const char *const names[NCONTROL] = { TRIT_TRAIN_END, TRIT_TRAIN_USER, TRIT_TRAIN_ASSISTANT,
                                             "<\xc3\xa9>" };
static struct trit_text control[NCONTROL], text;
static char folder[] = "/tmp/train-vocabulary-XXXXXX", *story;

static char *path_of(const char *name)
{
    static char paths[4][96];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    char path[512];
    const char *source = getenv("TRIT_SOURCE");
    for (size_t i = 0; i < NCONTROL; i++)
        control[i] = (struct trit_text){ names[i], strlen(names[i]) };
    snprintf(path, sizeof path, "%s/tests/data/stories.txt", source ? source : ".");
    if (!mkdtemp(folder) || trit_file_read(path, 1 << 20, &story, &text.n, NULL))
        return -1;
    text.s = story;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", folder);
    free(story);
    return system(command);
}

/* Learnt of the story and written at path. */
static void write_vocabulary(const char *path, const char *pre_name)
{
    const struct trit_pre *pre = trit_pre_named((struct trit_text){ pre_name, strlen(pre_name) });
    const struct trit_train_bpe_ask ask = { .tokens = SIZE - NCONTROL };
    struct trit_train_counts *counts;
    struct trit_train_bpe bpe;
    struct trit_train_vocabulary v;
    struct trit_error error;
    if (trit_train_counts_create(&counts, pre, control, NCONTROL, &error) ||
        trit_train_counts_add(counts, text, &error) ||
        trit_train_bpe_learn(&bpe, counts, &ask, &error) ||
        trit_train_vocabulary_create(&v, &bpe, pre, control, NCONTROL, &error) ||
        trit_train_vocabulary_form(path)->write(&v, path, &error))
        fail_msg("%s", error.text);
    trit_train_counts_free(counts);
    trit_train_bpe_free(&bpe);
    trit_train_vocabulary_free(&v);
}

static void open_vocabulary(struct trit_gguf **gguf, struct trit_tokenizer **t, const char *path)
{
    struct trit_error error;
    if (trit_train_vocabulary_open(gguf, t, path, &error))
        fail_msg("%s", error.text);
}

static void all_the_same(const struct trit_tokenizer *a, const struct trit_tokenizer *b)
{
    int32_t *x, *y;
    size_t nx, ny;
    assert_int_equal(trit_tokenizer_size(a), trit_tokenizer_size(b));
    for (int32_t id = 0; (size_t)id < trit_tokenizer_size(a); id++) {
        const struct trit_text p = trit_tokenizer_piece(a, id), q = trit_tokenizer_piece(b, id);
        assert_true(p.n == q.n && !memcmp(p.s, q.s, p.n));
        assert_true(trit_tokenizer_is_special(a, id) == trit_tokenizer_is_special(b, id));
        assert_true(trit_tokenizer_is_special(a, id) == (id >= SIZE - NCONTROL));
        assert_true(trit_tokenizer_is_end(a, id) == (id == SIZE - NCONTROL));
        assert_true(trit_tokenizer_is_end(b, id) == (id == SIZE - NCONTROL));
    }
    assert_int_equal(trit_tokenizer_bos(a), SIZE - NCONTROL);
    assert_int_equal(trit_tokenizer_bos(b), SIZE - NCONTROL);
    assert_int_equal(trit_tokenizer_eos(a), SIZE - NCONTROL);
    assert_int_equal(trit_tokenizer_eos(b), SIZE - NCONTROL);
    assert_true(trit_tokenizer_add_bos(a) && trit_tokenizer_add_bos(b));
    assert_false(trit_tokenizer_add_eos(a) || trit_tokenizer_add_eos(b));
    assert_int_equal(trit_tokenizer_encode(a, text, true, &x, &nx, NULL), 0);
    assert_int_equal(trit_tokenizer_encode(b, text, true, &y, &ny, NULL), 0);
    assert_int_equal(nx, ny);
    assert_memory_equal(x, y, nx * sizeof *x);
    free(x);
    free(y);
}

/* Written as JSON from the GGUF, too. */
static void gguf_and_json_are_one(void **state)
{
    (void)state;
    static const char *const pres[] = { "gpt-2",  "qwen2",  "llama-bpe", "qwen35",
                                        "smollm", "falcon", "falcon_e" };
    for (size_t i = 0; i < sizeof pres / sizeof *pres; i++) {
        struct trit_gguf *gguf, *other;
        struct trit_tokenizer *a, *b;
        struct trit_train_vocabulary v;
        struct trit_error error;
        write_vocabulary(path_of("v.gguf"), pres[i]);
        write_vocabulary(path_of("tokenizer.json"), pres[i]);
        open_vocabulary(&gguf, &a, path_of("v.gguf"));
        open_vocabulary(&other, &b, path_of("tokenizer.json"));
        all_the_same(a, b);
        trit_tokenizer_free(b);
        trit_gguf_close(other);
        if (trit_train_vocabulary_read(&v, gguf, &error) ||
            trit_train_vocabulary_write_json(&v, path_of("tokenizer.json"), &error))
            fail_msg("%s", error.text);
        trit_train_vocabulary_free(&v);
        open_vocabulary(&other, &b, path_of("tokenizer.json"));
        all_the_same(a, b);
        assert_int_equal(trit_gguf_find(gguf, "tokenizer.chat_template")->count,
                         trit_gguf_find(other, "tokenizer.chat_template")->count);
        trit_tokenizer_free(a);
        trit_tokenizer_free(b);
        trit_gguf_close(gguf);
        trit_gguf_close(other);
    }
}

static void what_is_no_vocabulary_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *part;
    } bad[] = {
        { "none.json", NULL, "none.json" },
        { "empty.json", "{}", "empty.json: key 'model' is missing" },
        { "ends.json",
          "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
          "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          "ends.json: tokenizer.ggml.tokens has no token for the byte" },
        { "text.gguf", "x", "text.gguf" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct trit_gguf *gguf;
        struct trit_tokenizer *t;
        struct trit_error error = { 0 };
        FILE *f = bad[i].text ? fopen(path_of(bad[i].name), "wb") : NULL;
        if (f) {
            fputs(bad[i].text, f);
            fclose(f);
        }
        unlink(path_of("tokenizer_config.json"));
        assert_int_not_equal(trit_train_vocabulary_open(&gguf, &t, path_of(bad[i].name), &error),
                             0);
        assert_true(!gguf && !t);
        if (!strstr(error.text, bad[i].part))
            fail_msg("'%s' has no '%s'", error.text, bad[i].part);
    }
}

static void keys_are_copied(void **state)
{
    (void)state;
    struct trit_gguf *gguf, *copy;
    struct trit_tokenizer *a, *b;
    struct trit_gguf_writer *w;
    write_vocabulary(path_of("v.gguf"), "qwen2");
    open_vocabulary(&gguf, &a, path_of("v.gguf"));
    assert_int_equal(trit_gguf_writer_create(&w, path_of("copy.gguf"), NULL), 0);
    trit_train_vocabulary_copy(gguf, w);
    assert_int_equal(trit_gguf_write_begin(w, NULL), 0);
    assert_int_equal(trit_gguf_writer_finish(w, NULL), 0);
    open_vocabulary(&copy, &b, path_of("copy.gguf"));
    all_the_same(a, b);
    assert_int_equal(copy->nkv, gguf->nkv - 2); /* less general.architecture and .name */
    trit_tokenizer_free(a);
    trit_tokenizer_free(b);
    trit_gguf_close(gguf);
    trit_gguf_close(copy);
}

static void chats_are_written_as_in_texts(void **state)
{
    (void)state;
    static const char said[] = "<|user|>\nHi <|user|>\n<|assistant|>\nHello.<|endoftext|>"
                               "<|user|>\nMore\n<|assistant|>\n";
    struct trit_gguf *gguf;
    struct trit_tokenizer *t;
    struct trit_chat *chat;
    struct trit_chat_prompt prompt;
    struct trit_chat_ids ids = { 0 };
    struct trit_error error;
    json_t *messages =
        json_loads("[{\"role\":\"user\",\"content\":\"Hi <|user|>\"},{\"role\":\"assistant\","
                   "\"content\":\"Hello.\"},{\"role\":\"user\",\"content\":\"More\"}]",
                   0, NULL);
    write_vocabulary(path_of("v.gguf"), "qwen2");
    open_vocabulary(&gguf, &t, path_of("v.gguf"));
    if (trit_chat_open(&chat, gguf, NULL, &error))
        fail_msg("%s", error.text);
    assert_string_equal(trit_chat_traits(chat)->name, "file");
    const struct trit_chat_ask ask = { .messages = messages };
    if (trit_chat_render(chat, &ask, &prompt, &error) || trit_chat_encode(t, &prompt, &ids, &error))
        fail_msg("%s", error.text);
    assert_int_equal(prompt.bytes, sizeof said - 1);
    assert_memory_equal(prompt.text, said, sizeof said - 1);
    size_t specials = 0; /* BOS, two users, two assistants, one end; what the user wrote is text */
    for (size_t i = 0; i < ids.n; i++)
        specials += trit_tokenizer_is_special(t, ids.ids[i]);
    assert_int_equal(specials, 6);
    assert_int_equal(ids.ids[0], trit_tokenizer_bos(t));
    free(ids.ids);
    free(ids.turns);
    trit_chat_prompt_free(&prompt);
    trit_chat_free(chat);
    trit_tokenizer_free(t);
    trit_gguf_close(gguf);
    json_decref(messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_and_json_are_one),
        cmocka_unit_test(what_is_no_vocabulary_is_refused),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(chats_are_written_as_in_texts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
