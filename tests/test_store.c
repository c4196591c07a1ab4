/* Does a models folder find its models by name and by nothing else, and do created names keep what
   they were made of? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/store/digest.h"
#include "runtime/store/store.h"

static const char source[] = TRIT_SOURCE_DIR "/tests/models/stories.gguf";
static char folder[] = "/tmp/trit-store-XXXXXX";
static char digest[TRIT_STORE_DIGEST];
static struct trit_store *store;
static struct trit_error error;

static void put(const char *path)
{
    assert_int_equal(trit_file_make_folders(path, &error), TRIT_OK);
    char *data;
    size_t bytes;
    struct trit_file *file;
    assert_int_equal(trit_file_read(source, SIZE_MAX - 1, &data, &bytes, &error), TRIT_OK);
    assert_int_equal(trit_file_create(&file, path, &error), TRIT_OK);
    trit_file_write(file, data, bytes);
    assert_int_equal(trit_file_commit(file, &error), TRIT_OK);
    free(data);
}

static int begin(void **state)
{
    (void)state;
    struct trit_digest *d = trit_digest_begin();
    const int fd = open(source, O_RDONLY);
    if (trit_digest_file(d, fd, source, NULL, NULL, &error))
        return -1;
    trit_digest_end(d, digest);
    close(fd);
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    put("models/microsoft/BitNet/ggml-model-i2_s.gguf");
    put("models/plain.gguf");
    put("models/a/twice.gguf");
    if (mkdir("models/b", 0700) || link("models/a/twice.gguf", "models/b/twice.gguf") ||
        link("models/a/twice.gguf", "outside.gguf") ||
        symlink("../outside.gguf", "models/out.gguf") ||
        symlink("plain.gguf", "models/within.gguf") || symlink("..", "models/up") ||
        mkfifo("models/pipe.gguf", 0600) || link("outside.gguf", "models/mmproj-x.gguf"))
        return -1;
    return trit_store_open(&store, "models", &error);
}

static int end(void **state)
{
    (void)state;
    char command[64];
    trit_store_close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

static const char *found(const char *name)
{
    static struct trit_store_model model;
    if (trit_store_find(store, name, &model, &error))
        return NULL;
    return model.path + strlen(trit_store_folder(store)) + 1;
}

static void finds(const char *name, const char *path)
{
    const char *got = found(name);
    if (!got || strcmp(got, path) != 0)
        fail_msg("%s: %s instead of %s", name, got ? got : error.text, path);
}

static void finds_none(const char *name, enum trit_code code, const char *text)
{
    const char *got = found(name);
    if (got || error.code != code || !strstr(error.text, text))
        fail_msg("%s: %s", name, got ? got : error.text);
}

static void finds_by_name(void **state)
{
    static const char hub[] = "microsoft/BitNet/ggml-model-i2_s.gguf";
    (void)state;
    static const char *const names[] = {
        "microsoft/BitNet",
        "Microsoft/bitnet:latest",
        "microsoft/BitNet:I2_S",
        "microsoft/BitNet:ggml-model-i2_s",
        "microsoft/BitNet:ggml-model-i2_s.gguf",
        "hf.co/microsoft/BitNet",
        "https://huggingface.co/microsoft/BitNet:i2_s",
        "ggml-model-i2_s",
        hub,
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        finds(names[i], hub);
    finds("plain", "plain.gguf");
    finds("plain:latest", "plain.gguf");
    finds("PLAIN.gguf", "plain.gguf");
    finds("a/twice", "a/twice.gguf");
    finds_none("twice", TRIT_EARGUMENT, "any of these: a/twice, b/twice");
    finds_none("microsoft/BitNet:Q2_0", TRIT_EIO, "not found");
    finds_none("BitNet", TRIT_EIO, "not found");
}

static void stays_inside(void **state)
{
    (void)state;
    static const char *const names[] = {
        "out", "../outside", "../outside.gguf", "up/outside", "/etc/passwd", "pipe", "mmproj-x",
        "",    "..",         "a/../../outside", "latest",     ":latest"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        finds_none(names[i], TRIT_EIO, "not found");
    char path[TRIT_STORE_PATH];
    finds("within", "plain.gguf");
    assert_int_equal(trit_store_hub_path(store, "..", "x", "y.gguf", path, &error), TRIT_EARGUMENT);
    assert_int_equal(trit_store_hub_path(store, "a", "x", "b/y.gguf", path, &error),
                     TRIT_EARGUMENT);
    assert_int_equal(trit_store_hub_path(store, "a", "x", ".y.gguf", path, &error), TRIT_EARGUMENT);
}

static void lists(void **state)
{
    (void)state;
    struct trit_store_model *models;
    size_t n;
    static const char *const names[] = { "a/twice", "b/twice", "microsoft/BitNet:ggml-model-i2_s",
                                         "plain", "within" };
    assert_int_equal(trit_store_list(store, &models, &n, &error), TRIT_OK);
    assert_int_equal(n, sizeof names / sizeof *names);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(models[i].name, names[i]);
        assert_string_equal(models[i].family, "bitnet-b1.58");
        assert_string_equal(models[i].type, "I2_S");
        assert_true(strlen(models[i].parameters) > 1 && models[i].bytes > 1000000);
        assert_true(models[i].modified > 1000000000 && !models[i].created);
        finds(models[i].name, models[i].path + strlen(trit_store_folder(store)) + 1);
    }
    free(models);
}

static void digests_are_kept(void **state)
{
    (void)state;
    struct trit_store_model model;
    assert_int_equal(trit_store_find(store, "plain", &model, &error), TRIT_OK);
    assert_string_equal(model.digest, "");
    assert_int_equal(trit_store_digest(store, &model, NULL, NULL, &error), TRIT_OK);
    assert_string_equal(model.digest, digest);
    assert_int_equal(trit_store_find(store, "plain", &model, &error), TRIT_OK);
    assert_string_equal(model.digest, digest); /* kept */
    assert_int_equal(truncate("models/plain.gguf", (off_t)model.bytes - 1), 0);
    assert_int_equal(trit_store_find(store, "plain", &model, &error), TRIT_OK);
    assert_string_equal(model.digest, ""); /* it has changed */
    put("models/plain.gguf");
}

static void create(const char *name, const char *text, const char *beside, enum trit_code expected)
{
    struct trit_modelfile m;
    assert_int_equal(trit_modelfile_parse(&m, text, strlen(text), "Modelfile", &error), TRIT_OK);
    const enum trit_code code = trit_store_create(store, name, &m, beside, &error);
    if (code != expected)
        fail_msg("%s, %s: %d, %s", name, text, code, code ? error.text : "");
    trit_modelfile_free(&m);
}

static void removes(const char *name, const char *what)
{
    char said[4096];
    if (trit_store_delete(store, name, said, sizeof said, &error))
        fail_msg("%s: %s", name, error.text);
    if (!strstr(said, what))
        fail_msg("%s: %s", name, said);
}

static void creates_and_copies(void **state)
{
    (void)state;
    struct trit_store_model model;
    struct trit_modelfile m;
    char said[256];
    create("me/bot:v1",
           "FROM ./plain.gguf\nPARAMETER top_k 3\nPARAMETER stop a\nSYSTEM \"\"\"x\ny\"\"\"\n"
           "MESSAGE user hi\nPARAMETER odd 1",
           NULL, TRIT_OK);
    create("next", "FROM ME/bot:v1\nPARAMETER top_k 5\nPARAMETER stop b\nPARAMETER stop c", NULL,
           TRIT_OK);
    assert_int_equal(trit_store_copy(store, "next", "plain", &error), TRIT_OK);
    assert_int_equal(trit_store_copy(store, "microsoft/BitNet", "big:1", &error), TRIT_OK);
    assert_int_equal(trit_store_copy(store, "nothing", "x", &error), TRIT_EIO);
    assert_int_equal(trit_store_find(store, "plain", &model, &error), TRIT_OK);
    assert_true(model.created);
    assert_string_equal(model.digest, digest);
    assert_int_equal(trit_store_modelfile(store, &model, &m, &error), TRIT_OK);
    assert_string_equal(m.system, "x\ny");
    assert_string_equal(trit_modelfile_value(&m, "top_k"), "5");
    assert_string_equal(trit_modelfile_value(&m, "odd"), "1");
    assert_int_equal(m.parameters.n, 4); /* odd, top_k, two stops */
    assert_int_equal(m.messages.n, 1);
    assert_string_equal(m.from, model.path);
    trit_modelfile_free(&m);
    create("NEXT", "FROM big:1\n", NULL, TRIT_OK); /* replaces next */
    finds("next", "microsoft/BitNet/ggml-model-i2_s.gguf");
    assert_int_equal(trit_store_delete(store, "microsoft/BitNet", said, sizeof said, &error),
                     TRIT_EBUSY);
    removes("me/bot:v1", "stays");
    removes("next", "stays");
    removes("big:1", "stays");
    removes("plain", "stays");
    finds("plain", "plain.gguf");
    finds_none("me/bot:v1", TRIT_EIO, "not found");
    removes("b/twice", "removed");
    finds("twice", "a/twice.gguf");
}

static void refuses_to_create(void **state)
{
    (void)state;
    static const char *const names[] = { "../x", "/x", "x:..",    "x:",    ":x",   "x/", "a/b/c/d",
                                         "x y",  ".x", "x:a.tmp", "x:a:b", "x\ny", "-x", "a//b" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        create(names[i], "FROM plain", NULL, TRIT_EARGUMENT);
    create("x", "FROM ../outside.gguf", NULL, TRIT_EARGUMENT);
    create("x", "FROM ./out.gguf", NULL, TRIT_EARGUMENT);
    create("x", "FROM /etc/passwd", NULL, TRIT_EARGUMENT);
    create("x", "FROM ./up/outside.gguf", NULL, TRIT_EARGUMENT);
    create("x", "FROM ./pipe.gguf", NULL, TRIT_EARGUMENT);
    create("x", "FROM ./a", NULL, TRIT_EARGUMENT);
    create("x", "FROM ./gone.gguf", NULL, TRIT_EIO);
    create("x", "FROM nothing", NULL, TRIT_EIO);
    create("x",
           "FROM sha256:"
           "0000000000000000000000000000000000000000000000000000000000000000",
           NULL, TRIT_EIO);
    create("x", "SYSTEM a", NULL, TRIT_EARGUMENT);
    create("x", "FROM ./.digests", NULL, TRIT_EFORMAT);
    assert_int_not_equal(access("models/.names/x", F_OK), 0);
}

static void takes_in_and_gives_up(void **state)
{
    (void)state;
    char path[TRIT_STORE_PATH], name[80];
    create("mine", "FROM ./outside.gguf", folder, TRIT_OK);
    create("mine:2", "FROM mine", NULL, TRIT_OK);
    snprintf(name, sizeof name, "sha256:%s", digest);
    assert_int_equal(trit_store_blob_find(store, name, path, sizeof path, &error), TRIT_OK);
    removes("mine", "stays");
    removes("mine:2", "and its file");
    assert_int_equal(trit_store_blob_find(store, name, path, sizeof path, &error), TRIT_EIO);
    assert_int_equal(access("outside.gguf", F_OK), 0);
}

static void blobs_are_verified(void **state)
{
    (void)state;
    static const char abc[] =
        "sha256-BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    struct trit_store_blob *blob;
    char path[TRIT_STORE_PATH];
    assert_int_equal(trit_store_blob_begin(store, &blob, abc, &error), TRIT_OK);
    trit_store_blob_write(blob, "abd", 3);
    assert_int_equal(trit_store_blob_end(blob, &error), TRIT_EFORMAT);
    assert_int_equal(trit_store_blob_find(store, abc, path, sizeof path, &error), TRIT_EIO);
    assert_int_equal(trit_store_blob_begin(store, &blob, abc, &error), TRIT_OK);
    trit_store_blob_write(blob, "abc", 3);
    assert_int_equal(trit_store_blob_end(blob, &error), TRIT_OK);
    assert_int_equal(trit_store_blob_find(store, abc, path, sizeof path, &error), TRIT_OK);
    assert_int_equal(trit_store_blob_begin(store, &blob, "sha256:../x", &error), TRIT_EARGUMENT);
    assert_int_equal(trit_store_blob_begin(store, &blob, abc + 7, &error), TRIT_EARGUMENT);
    create("x", "FROM sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
           NULL, TRIT_EFORMAT); /* no GGUF file */
}

static void *work(void *arg)
{
    struct trit_error e;
    struct trit_store_model *models, model;
    size_t n;
    const struct trit_modelfile m = { .from = (char *)"twice" };
    for (int i = 0; i < 5; i++) {
        if (trit_store_list(store, &models, &n, &e) ||
            trit_store_create(store, arg, &m, NULL, &e) || trit_store_find(store, arg, &model, &e))
            return (void *)"failed";
        free(models);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    pthread_t threads[4];
    char names[4][8];
    void *failed;
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i / 2);
        assert_int_equal(pthread_create(&threads[i], NULL, work, names[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void reads_modelfiles(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "FROM x\nSYSTEM \"\"\"a\n", "line 2: the closing quotes are missing" },
        { "FROM x\nADAPTER y\n", "line 2: ADAPTER: adapters are not supported" },
        { "FROM x\n\nWHAT y\n", "line 3: unknown keyword 'WHAT'" },
        { "PARAMETER top_p 2\n", "line 1: parameter top_p is 2: must be a number from 0 to 1" },
        { "PARAMETER top_k 1.5\n", "must be a whole number" },
        { "PARAMETER temperature nan\n", "must be a number" },
        { "PARAMETER top_k\n", "a keyword without its value" },
        { "MESSAGE tool x\n", "must be of system, user or assistant" },
        { "FROM\n", "a keyword without its value" },
        { "FROM \xff\n", "is no text in UTF-8" },
    };
    static const char good[] =
        "# a\nfrom  x y \nSystem \"\"\"\n a \"b\" \n\"\"\"\nPARAMETER stop \" \"\n"
        "parameter STOP \"\"\n\tTEMPLATE {{ .Prompt }}\nLICENSE a\nLICENSE b\n"
        "MESSAGE USER \"\"\"\"quoted\"\"\"\"\r\n";
    struct trit_modelfile m;
    char notes[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(
            trit_modelfile_parse(&m, bad[i].text, strlen(bad[i].text), "F", &error), TRIT_OK);
        if (!strstr(error.text, bad[i].says))
            fail_msg("%s: %s", bad[i].text, error.text);
        trit_modelfile_free(&m);
    }
    assert_int_equal(trit_modelfile_parse(&m, "FROM a\0b", 8, "F", &error), TRIT_EFORMAT);
    trit_modelfile_free(&m);
    assert_int_equal(trit_modelfile_parse(&m, good, strlen(good), "F", &error), TRIT_OK);
    for (int again = 0; again < 2; again++) {
        assert_string_equal(m.from, "x y");
        assert_string_equal(m.system, "\n a \"b\" \n");
        assert_int_equal(m.parameters.n, 2);
        assert_string_equal(m.parameters.v[0].value, " ");
        assert_string_equal(m.parameters.v[1].name, "stop");
        assert_string_equal(m.parameters.v[1].value, "");
        assert_string_equal(m.license, "a\n\nb");
        assert_string_equal(m.messages.v[0].name, "user");
        assert_string_equal(m.messages.v[0].value, "\"quoted\"");
        assert_false(trit_modelfile_template_serves(&m));
        trit_modelfile_notes(&m, notes, sizeof notes);
        assert_non_null(strstr(notes, "TEMPLATE is one of Go"));
        char *text = trit_modelfile_text(&m);
        trit_modelfile_free(&m);
        assert_int_equal(trit_modelfile_parse(&m, text, strlen(text), "F", &error), TRIT_OK);
        free(text);
    }
    trit_modelfile_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_modelfiles),   cmocka_unit_test(lists),
        cmocka_unit_test(finds_by_name),      cmocka_unit_test(stays_inside),
        cmocka_unit_test(digests_are_kept),   cmocka_unit_test(creates_and_copies),
        cmocka_unit_test(refuses_to_create),  cmocka_unit_test(takes_in_and_gives_up),
        cmocka_unit_test(blobs_are_verified), cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
