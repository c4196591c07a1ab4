/* Are the sequences that are trained on what data.h says: every part of a file once an epoch,
   files by their shares, all a function of seed and number, and nothing that is held out? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/train/data.h"
#include "runtime/train/documents.h"
#include "runtime/train/order.h"
#include "runtime/train/vocabulary.h"

enum { T = 32, DOCUMENTS = 60, ROOM = 1 << 16, SEQUENCES = 3000 };

static char folder[] = "/tmp/train-data-XXXXXX";
static char paths[3][64];
static struct trit_gguf *gguf;
static struct trit_tokenizer *tokenizer;

static void write_file(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Document i of a file: no stretch of T bytes comes twice in all files. */
static size_t document(char *out, char file, int i)
{
    size_t n = 0;
    for (int word = 0; word <= i % 7; word++)
        n += (size_t)sprintf(out + n, "%c%03d.%d ", file, i, word);
    return n;
}

static void write_documents(const char *path, char file, int documents)
{
    static char text[ROOM];
    size_t n = 0;
    for (int i = 0; i < documents; i++) {
        n += document(text + n, file, i);
        n += (size_t)sprintf(text + n, "\n%s\n", TRIT_TRAIN_END);
    }
    write_file(path, text, n);
}

/* A vocabulary of bytes, and texts. */
static int set_up(void **state)
{
    (void)state;
    static const char *const names[] = { TRIT_TRAIN_END, TRIT_TRAIN_USER };
    struct trit_text control[2];
    struct trit_train_counts *counts;
    struct trit_train_bpe bpe;
    struct trit_train_vocabulary v;
    const struct trit_pre *pre = trit_pre_named((struct trit_text){ "gpt-2", 5 });
    const struct trit_train_bpe_ask ask = { .tokens = TRIT_TRAIN_BYTES };
    char path[64];
    for (int i = 0; i < 2; i++)
        control[i] = (struct trit_text){ names[i], strlen(names[i]) };
    if (!mkdtemp(folder) || trit_train_counts_create(&counts, pre, control, 2, NULL) ||
        trit_train_bpe_learn(&bpe, counts, &ask, NULL) ||
        trit_train_vocabulary_create(&v, &bpe, pre, control, 2, NULL))
        return -1;
    snprintf(path, sizeof path, "%s/v.gguf", folder);
    const enum trit_code code = trit_train_vocabulary_form(path)->write(&v, path, NULL);
    trit_train_counts_free(counts);
    trit_train_bpe_free(&bpe);
    trit_train_vocabulary_free(&v);
    for (int i = 0; i < 3; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%c", folder, 'a' + i);
    write_documents(paths[0], 'a', DOCUMENTS);
    write_documents(paths[1], 'b', DOCUMENTS / 3);
    return code || trit_train_vocabulary_open(&gguf, &tokenizer, path, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", folder);
    trit_tokenizer_free(tokenizer);
    trit_gguf_close(gguf);
    return system(command);
}

static struct trit_train_data *open_data(const double *weights, size_t n, uint64_t seed,
                                         size_t held)
{
    struct trit_train_source sources[3];
    struct trit_train_data *d;
    struct trit_error error;
    for (size_t i = 0; i < n; i++)
        sources[i] = (struct trit_train_source){ paths[i], weights[i] };
    const struct trit_train_data_ask ask = { .sources = sources,
                                             .nsources = n,
                                             .tokenizer = tokenizer,
                                             .context = T,
                                             .seed = seed,
                                             .held = held };
    if (trit_train_data_open(&d, &ask, &error))
        fail_msg("%s", error.text);
    return d;
}

/* The stream of documents first, first + step, ... of file 'a', less those that `held` leaves out.
 */
static size_t expected(int32_t *ring, size_t held, bool out)
{
    char text[256];
    size_t n = 0;
    for (int i = 0; i < DOCUMENTS; i++) {
        if ((held && (size_t)i % held == held - 1) != out)
            continue;
        ring[n++] = trit_tokenizer_bos(tokenizer);
        size_t bytes = document(text, 'a', i);
        for (size_t j = 0; j < bytes; j++) {
            int32_t *id;
            size_t ids;
            assert_int_equal(trit_tokenizer_encode(tokenizer, (struct trit_text){ text + j, 1 },
                                                   false, &id, &ids, NULL),
                             0);
            ring[n++] = *id;
            free(id);
        }
    }
    return n;
}

/* Where in the ring the sequence stands; fails where it does not. */
static size_t place_of(const int32_t *ring, size_t n, const int32_t *tokens)
{
    for (size_t at = 0; at < n; at++) {
        size_t i = 0;
        while (i <= T && tokens[i] == ring[(at + i) % n])
            i++;
        if (i > T)
            return at;
    }
    fail_msg("a sequence does not stand in the file");
    return 0;
}

static void an_epoch_predicts_every_token_once(void **state)
{
    (void)state;
    static int32_t ring[ROOM];
    static const double one[] = { 1 };
    int32_t tokens[T + 1];
    size_t first[3];
    struct trit_train_data *d = open_data(one, 1, 7, 0);
    const struct trit_train_file *about = trit_train_data_file(d, 0);
    const size_t n = expected(ring, 0, false), each = n / T;
    assert_int_equal(about->tokens, n);
    assert_int_equal(about->sequences, each);
    for (size_t epoch = 0; epoch < 3; epoch++) {
        bool *seen = calloc(n, sizeof *seen);
        size_t in_order = 0, last = 0;
        for (size_t i = 0; i < each; i++) {
            trit_train_data_sequence(d, epoch * each + i, tokens);
            const size_t at = place_of(ring, n, tokens);
            first[epoch] = i ? first[epoch] : at;
            in_order += i && at == (last + T) % n;
            last = at;
            for (size_t j = 0; j < T; j++) { /* what is predicted */
                assert_false(seen[(at + 1 + j) % n]);
                seen[(at + 1 + j) % n] = true;
            }
        }
        assert_true(in_order < each / 4);
        free(seen);
    }
    assert_true(first[0] % T != first[1] % T || first[1] % T != first[2] % T);
    trit_train_data_free(d);
}

static void a_sequence_depends_on_seed_and_number_alone(void **state)
{
    (void)state;
    static const double weights[] = { 0.7, 0.3 };
    int32_t a[T + 1], b[T + 1];
    struct trit_train_data *d = open_data(weights, 2, 1, 5), *again = open_data(weights, 2, 1, 5),
                           *other = open_data(weights, 2, 2, 5);
    size_t differ = 0;
    assert_int_equal(trit_train_data_digest(d), trit_train_data_digest(again));
    assert_int_not_equal(trit_train_data_digest(d), trit_train_data_digest(other));
    for (size_t i = 0; i < SEQUENCES; i++)
        trit_train_data_sequence(d, i, a);
    for (uint64_t i = SEQUENCES; i-- > 0;) {
        trit_train_data_sequence(d, i, a);
        trit_train_data_sequence(again, i, b);
        assert_memory_equal(a, b, sizeof a);
        trit_train_data_sequence(other, i, b);
        differ += memcmp(a, b, sizeof a) != 0;
    }
    assert_true(differ > SEQUENCES / 2);
    trit_train_data_sequence(d, UINT64_MAX / 4, a);
    trit_train_data_free(d);
    trit_train_data_free(again);
    trit_train_data_free(other);
}

static void files_come_by_their_shares(void **state)
{
    (void)state;
    static const double weights[] = { 7, 3 }, none[] = { 0, 0 };
    int32_t tokens[T + 1];
    struct trit_train_data *d = open_data(weights, 2, 1, 0);
    size_t of_a = 0;
    for (size_t i = 0; i < SEQUENCES; i++) {
        static const char names[] = "ab";
        bool has[2] = { false, false };
        trit_train_data_sequence(d, i, tokens);
        for (size_t j = 0; j <= T; j++)
            for (size_t f = 0; f < 2; f++)
                has[f] |= *trit_tokenizer_decode(tokenizer, tokens[j], false).s == names[f];
        assert_true(has[0] != has[1]);
        of_a += has[0];
        assert_true((double)of_a > 0.7 * (double)(i + 1) - 1.01 &&
                    (double)of_a < 0.7 * (double)(i + 1) + 1.01);
    }
    trit_train_data_free(d);
    d = open_data(none, 2, 1, 0);
    const struct trit_train_file *a = trit_train_data_file(d, 0), *b = trit_train_data_file(d, 1);
    assert_true(a->share * (double)b->tokens - b->share * (double)a->tokens < 1e-9);
    assert_float_equal(a->share + b->share, 1, 1e-12);
    trit_train_data_free(d);
}

static void what_is_held_out_is_never_trained_on(void **state)
{
    (void)state;
    enum { N = 4 };
    static int32_t trained[ROOM], held[ROOM];
    static const double one[] = { 1 };
    int32_t tokens[T + 1];
    struct trit_train_data *d = open_data(one, 1, 3, N);
    const struct trit_train_file *about = trit_train_data_file(d, 0);
    const size_t n = expected(trained, N, false), nheld = expected(held, N, true);
    assert_int_equal(about->tokens, n);
    assert_int_equal(about->held_tokens, nheld);
    assert_int_equal(about->held_documents, DOCUMENTS / N);
    assert_int_equal(about->documents, DOCUMENTS - DOCUMENTS / N);
    assert_int_equal(about->held_sequences, (nheld - 1) / T);
    for (size_t i = 0; i < 3 * about->sequences; i++) {
        trit_train_data_sequence(d, i, tokens);
        place_of(trained, n, tokens);
    }
    for (size_t i = 0; i < about->held_sequences; i++) {
        size_t bytes = 0;
        for (size_t j = 1; j <= T; j++)
            bytes += held[i * T + j] != trit_tokenizer_bos(tokenizer);
        assert_int_equal(trit_train_data_held(d, 0, i, tokens), bytes);
        assert_memory_equal(tokens, held + i * T, sizeof tokens);
    }
    trit_train_data_free(d);
}

static void control_tokens_and_documents(void **state)
{
    (void)state;
    static const char text[] = "\n" TRIT_TRAIN_END "\r\n\n\nab\ncd\n\n" TRIT_TRAIN_END
                               " no end\n" TRIT_TRAIN_END "\n" TRIT_TRAIN_USER "\nx";
    static const char *const documents[] = { "ab\ncd\n\n" TRIT_TRAIN_END " no end",
                                             TRIT_TRAIN_USER "\nx" };
    struct trit_train_text t;
    struct trit_text document;
    size_t at = 0;
    write_file(paths[2], text, sizeof text - 1);
    assert_int_equal(trit_train_text_open(&t, paths[2], NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_true(trit_train_text_next(&t, &at, &document));
        assert_true(trit_text_is(document, documents[i]));
    }
    assert_false(trit_train_text_next(&t, &at, &document));
    trit_train_text_close(&t);
}

static void permutations(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 300; n++) {
        bool seen[300] = { false };
        for (uint64_t i = 0; i < n; i++) {
            const uint64_t to = trit_train_permute(i, n, 99 * n);
            assert_true(to < n && !seen[to]);
            seen[to] = true;
        }
    }
    assert_true(trit_train_permute(5, UINT64_C(1) << 62, 1) < UINT64_C(1) << 62);
}

static void a_file_is_counted_past_the_pattern(void **state)
{
    (void)state;
    static const double shares[] = { 0.61, 0.39 - 2e-5, 2e-5 };
    struct trit_train_mix mix;
    uint64_t count[3] = { 0 }, before;
    assert_true(trit_train_mix_create(&mix, shares, 3));
    for (uint64_t i = 0; i < 3 * TRIT_TRAIN_PERIOD; i++) {
        const uint32_t file = trit_train_mix_at(&mix, i, &before);
        assert_int_equal(before, count[file]++);
    }
    for (size_t f = 0; f < 3; f++)
        assert_float_equal((double)count[f] / (3 * TRIT_TRAIN_PERIOD), shares[f], 2e-5);
    trit_train_mix_free(&mix);
}

/* Fails with that code, and a message with that part. */
static void refuse(const struct trit_train_source *sources, size_t n, size_t held,
                   enum trit_code code, const char *part)
{
    struct trit_train_data *d;
    struct trit_error error = { 0 };
    const struct trit_train_data_ask ask = {
        .sources = sources, .nsources = n, .tokenizer = tokenizer, .context = T, .held = held
    };
    assert_int_equal(trit_train_data_open(&d, &ask, &error), code);
    assert_null(d);
    if (!strstr(error.text, part))
        fail_msg("'%s' has no '%s'", error.text, part);
}

static void bad_data_is_refused(void **state)
{
    (void)state;
    struct trit_train_source s[] = { { paths[0], 1 }, { paths[2], 0 } };
    static const struct {
        const char *text;
        size_t n;
        enum trit_code code;
        const char *part;
    } bad[] = {
        { "", 0, TRIT_EFORMAT, "there is no text in its 0 bytes" },
        { "\n\n", 2, TRIT_EFORMAT, "there is no text in its 2 bytes" },
        { "ab\xffz", 4, TRIT_EFORMAT, "the byte 0xff at offset 2 is not UTF-8" },
        { "abc\0d", 5, TRIT_EFORMAT, "the byte at offset 3 is 0" },
        { "short", 5, TRIT_EARGUMENT, "6 tokens to train on are less than one sequence of 33" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(paths[2], bad[i].text, bad[i].n);
        refuse(&(struct trit_train_source){ paths[2], 1 }, 1, 0, bad[i].code, bad[i].part);
    }
    refuse(s, 2, 0, TRIT_EARGUMENT, "has no share");
    write_documents(paths[2], 'c', DOCUMENTS);
    s[1].weight = 1e-6;
    refuse(s, 2, 0, TRIT_EARGUMENT, "must be at least 1/65536");
    refuse(s, 1, 1, TRIT_EARGUMENT, "nothing is left");
    refuse(s, 0, 0, TRIT_EARGUMENT, "0 texts");
    s[0].path = paths[0] + 1;
    refuse(s, 1, 0, TRIT_EIO, paths[0] + 1);
}

static void words_of_the_command_line(void **state)
{
    (void)state;
    static const struct {
        const char *word, *path;
        double weight;
    } words[] = { { "a.txt", "a.txt", 0 },  { "a.txt:0.7", "a.txt", 0.7 },
                  { "a:b:2", "a:b", 2 },    { "a:b", "a:b", 0 },
                  { "a:", "a:", 0 },        { ":1", ":1", 0 },
                  { "a:0.5x", "a:0.5x", 0 } };
    struct trit_train_source s;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(trit_train_source_parse(&s, words[i].word, NULL), 0);
        assert_string_equal(s.path, words[i].path);
        assert_true(s.weight == words[i].weight);
        free(s.path);
    }
    static const char *const bad[] = { "a:0", "a:-1", "a:nan", "a:inf" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(trit_train_source_parse(&s, bad[i], NULL), TRIT_EARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_predicts_every_token_once),
        cmocka_unit_test(a_sequence_depends_on_seed_and_number_alone),
        cmocka_unit_test(files_come_by_their_shares),
        cmocka_unit_test(what_is_held_out_is_never_trained_on),
        cmocka_unit_test(control_tokens_and_documents),
        cmocka_unit_test(permutations),
        cmocka_unit_test(a_file_is_counted_past_the_pattern),
        cmocka_unit_test(bad_data_is_refused),
        cmocka_unit_test(words_of_the_command_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
