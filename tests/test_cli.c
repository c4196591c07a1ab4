/* Does the option parser read what it should, refuse the rest in one line, and suggest the near
 * name? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/cli/cli.h"

struct values {
    bool flag;
    int number, choice;
    uint64_t seed;
    double real;
    const char *text;
    struct trit_ints list;
    struct trit_texts texts;
    const char *file;
    bool need, alone;
};

#define AT(member) offsetof(struct values, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(text), "FILE", "a file", 0, 0, NULL },
    { "-n,--predict;--n-predict", TRIT_OPT_INT, AT(number), "N", "a number", -1, 100, NULL },
    { "-ngl,--gpu-layers", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--no-warmup", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
    { "-s,--seed", TRIT_OPT_U64, AT(seed), "N", "a seed", 0, 0, NULL },
    { "--temp", TRIT_OPT_FLOAT, AT(real), "T", "a real", -1, 10, NULL },
    { "--flag", TRIT_OPT_FLAG, AT(flag), NULL, "a flag", 0, 0, NULL },
    { "-o", TRIT_OPT_CHOICE, AT(choice), NULL, "a choice", 0, 0, "md|json|csv" },
    { "-t,--threads", TRIT_OPT_INTS, AT(list), "N,..", "a list", 1, 64, NULL },
    { "--name", TRIT_OPT_TEXTS, AT(texts), "X", "texts", 0, 0, NULL },
    { "-p", TRIT_OPT_TEXT, AT(file), "TEXT", "free text", 0, 0, NULL },
    { "--need", TRIT_OPT_FLAG, AT(need), NULL, "needs another", 0, 0, NULL },
    { "--alone", TRIT_OPT_FLAG, AT(alone), NULL, "stands alone", 0, 0, NULL },
};

static int nothing(int argc, char **argv)
{
    (void)argv;
    return argc;
}

static const struct trit_rule rules[] = {
    { TRIT_RULE_NEEDS, "--need,--flag" },
    { TRIT_RULE_AGAINST, "--alone,-m,-o=csv" },
    { TRIT_RULE_AGAINST, "-o=md,--temp" },
};

static const struct trit_command command = { .name = "probe",
                                             .summary = "try",
                                             .usage = "[options]",
                                             .detail = "More.",
                                             .options = options,
                                             .noptions = sizeof options / sizeof *options,
                                             .rules = rules,
                                             .nrules = sizeof rules / sizeof *rules,
                                             .run = nothing };

enum { MOST_WORDS = 16 };
static char said[4096]; /* what the last parse wrote to stderr */

/* Parses words, split at spaces, with one positional argument allowed. */
static enum trit_parse parse(const char *words, struct values *v, struct trit_rest *rest)
{
    char copy[512], *argv[MOST_WORDS + 1] = { (char *)"probe" };
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word && argc < MOST_WORDS; word = strtok(NULL, " "))
        argv[argc++] = word;
    fflush(stderr);
    int kept = dup(2);
    FILE *file = tmpfile();
    assert_non_null(file);
    dup2(fileno(file), 2);
    enum trit_parse result = trit_cli_parse(&command, argc, argv, v, rest);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = 0;
    fclose(file);
    return result;
}

static struct values good(const char *words)
{
    static struct values v; /* texts point into words of the caller's frame: not looked at after */
    v = (struct values){ .number = 7, .list = { .n = 1, .v = { 3 } } };
    assert_int_equal(parse(words, &v, NULL), TRIT_PARSE_OK);
    assert_string_equal(said, "");
    return v;
}

/* Refused, in one line that holds `part`. */
static void bad(const char *words, const char *part)
{
    struct values v = { 0 };
    assert_int_equal(parse(words, &v, NULL), TRIT_PARSE_ERROR);
    char *newline = strchr(said, '\n');
    if (!strstr(said, part) || !newline || newline[1] ||
        strncmp(said, "tritmill: probe: ", 17) != 0)
        fail_msg("'%s' gave: %s", words, said);
}

static void reads_numbers(void **state)
{
    (void)state;
    assert_int_equal(good("").number, 7);
    assert_int_equal(good("-n 5").number, 5);
    assert_int_equal(good("-n5").number, 5);
    assert_int_equal(good("-n -1").number, -1);
    assert_int_equal(good("--predict=100").number, 100);
    assert_int_equal(good("--n-predict 9").number, 9);
    assert_true(good("-s 18446744073709551615").seed == UINT64_MAX);
    assert_true(good("--seed -1").seed == UINT64_MAX);
    assert_true(good("--temp .25").real == 0.25);
    assert_true(good("--temp=-1").real == -1);
}

static void reads_the_rest(void **state)
{
    (void)state;
    assert_true(good("--flag").flag);
    assert_int_equal(good("-o csv").choice, 2);
    assert_int_equal(good("-ngl 99 --no-warmup --flag").flag, true);
    assert_int_equal(good("--name a --name b").texts.n, 2);
    assert_int_equal(good("-ngl 1 -ngl -2 --flag --flag").flag, true);
    assert_string_equal(good("-p=").file, "");
    assert_true(good("-p -x --need --flag").need);
    assert_int_equal(good("-m -").number, 7);
    assert_int_equal(good("-m=-x").number, 7);
    assert_true(good("--alone -o json").alone);
    assert_true(good("-o csv --temp 1").real == 1);
    struct values v = { 0 };
    const char *word[1];
    struct trit_rest rest = { word, 1, 0 };
    assert_int_equal(parse("-n 1 file", &v, &rest), TRIT_PARSE_OK);
    assert_int_equal(rest.n, 1);
    assert_int_equal(parse("-- -n", &v, &rest), TRIT_PARSE_OK);
    assert_int_equal(rest.n, 1);
    assert_int_equal(parse("-", &v, &rest), TRIT_PARSE_OK);
    assert_int_equal(rest.n, 1);
    assert_int_equal(parse("a b", &v, &rest), TRIT_PARSE_ERROR);
    assert_non_null(strstr(said, "'b'"));
}

static void list_is(const char *words, const int *expected, int n)
{
    struct trit_ints list = good(words).list;
    assert_int_equal(list.n, n);
    assert_memory_equal(list.v, expected, (size_t)n * sizeof *expected);
}

static void reads_lists(void **state)
{
    (void)state;
    list_is("", (int[]){ 3 }, 1);
    list_is("-t 1,2,4", (int[]){ 1, 2, 4 }, 3);
    list_is("-t 1 -t 2", (int[]){ 1, 2 }, 2);
    list_is("-t 2-5", (int[]){ 2, 3, 4, 5 }, 4);
    list_is("-t 1-8*2,20-30+5", (int[]){ 1, 2, 4, 8, 20, 25, 30 }, 7);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        { "-n", "-n needs a value: N" },
        { "--n-predict 9 -n 8", "-n is given twice" },
        { "-m a --model=a", "--model is given twice" },
        { "-o md -o md", "-o is given twice" },
        { "-s 1 --seed 2", "--seed is given twice" },
        { "--temp 1 --temp 1", "--temp is given twice" },
        { "-m=", "-m needs a value: FILE" },
        { "--name=", "--name needs a value: X" },
        { "-o=", "-o needs a value: md|json|csv" },
        { "-m --tmep", "-m needs a value: FILE" },
        { "-m -1", "-m needs a value: FILE" },
        { "--need", "--need needs --flag" },
        { "--alone -m x", "--alone and -m exclude each other" },
        { "--alone -o csv", "--alone and -o=csv exclude each other" },
        { "-o md --temp 1", "-o=md and --temp exclude each other" },
        { "-n --flag", "-n needs a value" },
        { "-o", "md|json|csv" },
        { "-n x", "'x' is not a whole number" },
        { "-n 5x", "'5x' is not a whole number" },
        { "-n 101", "out of range: -1 to 100" },
        { "-n 99999999999999999999", "too large" },
        { "-n=", "is not a whole number" },
        { "-s -2", "is not a whole number" },
        { "-s 18446744073709551616", "too large" },
        { "--temp nan", "is not a number" },
        { "--temp 1e999", "is not a number" },
        { "--temp 11", "out of range" },
        { "-o xml", "'xml' is none of md|json|csv" },
        { "-t 1,,2", "is not a whole number" },
        { "-t 1,", "is not a whole number" },
        { "-t 1;2", "is no list" },
        { "-t 5-2", "ends before it begins" },
        { "-t 1-9+0", "does not grow" },
        { "-t 1-9*1", "does not grow" },
        { "-t 0", "out of range" },
        { "-t 1-65", "out of range" },
        { "-t 1-64", "too long" },
        { "--flag=1", "takes no value" },
        { "file", "one argument too many" },
        { "--tmep 1", "did you mean --temp?" },
        { "-temp 1", "did you mean --temp?" },
        { "--thread 1", "did you mean --threads?" },
        { "--modle=x", "did you mean --model?" },
        { "-nlg 1", "did you mean -ngl?" },
        { "-x", "unknown option '-x' ('tritmill help probe'" },
        { "--quantum-entanglement", "unknown option" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        bad(table[i][0], table[i][1]);
}

static void keeps_errors_to_one_line(void **state)
{
    (void)state;
    bad("--\nx", "--?x");
    bad("-n \033[31m", "?[31m");
}

static void suggests(void **state)
{
    (void)state;
    static const char *const names[] = { "run", "bench", "inspect", "perplexity" };
    assert_string_equal(trit_cli_nearest("bnech", names, 4), "bench");
    assert_string_equal(trit_cli_nearest("perp", names, 4), "perplexity");
    assert_string_equal(trit_cli_nearest("runs", names, 4), "run");
    assert_null(trit_cli_nearest("x", names, 4));
    assert_null(trit_cli_nearest("", names, 4));
    assert_null(trit_cli_nearest("serve", names, 4));
}

static void lays_out_help(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    trit_cli_help(&command, file);
    rewind(file);
    char text[4096];
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_non_null(strstr(text, "Usage: tritmill probe [options]\n"));
    assert_non_null(strstr(text, "\n  -m, --model FILE          a file\n"));
    assert_non_null(strstr(text, "\n      --temp T              a real\n"));
    assert_non_null(strstr(text, "\n  -o md|json|csv            a choice\n"));
    assert_non_null(strstr(text, "\n  -ngl N, --no-warmup\n"));
    assert_null(strstr(text, "--n-predict"));
}

static void writes_sizes(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(trit_bytes_text(0, out), "0 B");
    assert_string_equal(trit_bytes_text(999, out), "999 B");
    assert_string_equal(trit_bytes_text(1234567, out), "1.2 MB");
    assert_string_equal(trit_bytes_text(999.6e3, out), "1.0 MB");
    assert_string_equal(trit_bytes_text(521e6, out), "521 MB");
    assert_string_equal(trit_bytes_text(1.8e19, out), "18.0 EB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers), cmocka_unit_test(reads_the_rest),
        cmocka_unit_test(reads_lists),   cmocka_unit_test(refuses),
        cmocka_unit_test(suggests),      cmocka_unit_test(keeps_errors_to_one_line),
        cmocka_unit_test(lays_out_help), cmocka_unit_test(writes_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
