/* `tritmill tokenize`: shows the tokens of a text. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/utf8.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cli/json.h"
#include "runtime/text/tokenizer.h"

enum { PATH_ROOM = 4096 };
enum output { TEXT, JSON };

struct tokenize_options {
    const char *model, *prompt, *file;
    bool ids, no_special, no_bos, show_count;
    int output; /* enum output */
};

#define AT(member) offsetof(struct tokenize_options, member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "-p,--prompt", TRIT_OPT_TEXT, AT(prompt), "TEXT", "the text, taken as it is", 0, 0, NULL },
    { "-f,--file", TRIT_OPT_TEXT, AT(file), "FILE",
      "read it from a file, taken as it is (-: stdin)", 0, 0, NULL },
    { "--ids", TRIT_OPT_FLAG, AT(ids), NULL, "only the ids: [1, 2, 3]", 0, 0, NULL },
    { "--no-special;--no-parse-special", TRIT_OPT_FLAG, AT(no_special), NULL,
      "control tokens written in the text are plain text", 0, 0, NULL },
    { "--no-bos", TRIT_OPT_FLAG, AT(no_bos), NULL,
      "do not begin with BOS, even if the model asks for it (a text with its own BOS gets no "
      "second one)",
      0, 0, NULL },
    { "--show-count", TRIT_OPT_FLAG, AT(show_count), NULL, "end with the number of tokens", 0, 0,
      NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL, "text (default), or one JSON object", 0, 0,
      "text|json" },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_ONE, "-p,-f" },
};

static const char detail[] =
    "One line per token, its id and its text; what a terminal would not show as it is (control\n"
    "characters, parts of a character) is written as \\n or \\xHH. In JSON a part of a character\n"
    "has \"bytes\" beside \"piece\".";

struct tokens {
    int32_t bos; /* shown before the others, -1: none */
    int32_t *ids;
    size_t n;
};

static int32_t token_at(const struct tokens *tokens, size_t i)
{
    if (tokens->bos < 0)
        return tokens->ids[i];
    return i ? tokens->ids[i - 1] : tokens->bos;
}

static size_t token_count(const struct tokens *tokens)
{
    return tokens->n + (tokens->bos >= 0);
}

/* What a terminal might obey, among it U+0080 .. U+009F. */
static bool is_control(const char *s, int length)
{
    return iscntrl((unsigned char)s[0]) ||
           (length == 2 && !memcmp(s, "\xc2", 1) && (unsigned char)s[1] < 0xa0);
}

/* Bytes in hexadecimal. */
static void print_bytes(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("\\x%02x", (unsigned char)s[i]);
}

static void print_piece(struct trit_text piece)
{
    static const char names[] = "\n\r\t\\", letters[] = "nrt\\";
    for (size_t i = 0, step; i < piece.n; i += step) {
        const char *c = piece.s + i, *name = memchr(names, *c, sizeof names - 1);
        int length = trit_utf8_at(c, piece.n - i);
        step = length > 0 ? (size_t)length : 1;
        if (name)
            printf("\\%c", letters[name - names]);
        else if (length <= 0 || is_control(c, length))
            print_bytes(c, step);
        else
            fwrite(c, 1, step, stdout);
    }
}

static void print_text(const struct trit_tokenizer *t, const struct tokens *tokens)
{
    for (size_t i = 0; i < token_count(tokens); i++) {
        int32_t id = token_at(tokens, i);
        printf("%6d -> '", id);
        print_piece(trit_tokenizer_decode(t, id, true));
        puts("'");
    }
}

static void print_ids(const struct tokens *tokens)
{
    putchar('[');
    for (size_t i = 0; i < token_count(tokens); i++)
        printf("%s%d", i ? ", " : "", token_at(tokens, i));
    puts("]");
}

static json_t *json_token(const struct trit_tokenizer *t, int32_t id)
{
    struct trit_text piece = trit_tokenizer_decode(t, id, true);
    json_t *token = json_pack("{s:i, s:o}", "id", id, "piece", trit_json_text(piece));
    if (trit_utf8_valid(piece.s, piece.n) == piece.n)
        return token;
    json_t *bytes = json_array();
    for (size_t i = 0; i < piece.n; i++)
        json_array_append_new(bytes, json_integer((unsigned char)piece.s[i]));
    json_object_set_new(token, "bytes", bytes);
    return token;
}

static enum trit_code print_json(const struct tokenize_options *o, const char *model,
                                 const struct trit_tokenizer *t, const struct tokens *tokens,
                                 struct trit_error *error)
{
    json_t *list = json_array();
    int failed = 0;
    for (size_t i = 0; !failed && i < token_count(tokens); i++) {
        int32_t id = token_at(tokens, i);
        failed = json_array_append_new(list, o->ids ? json_integer(id) : json_token(t, id));
    }
    if (failed) {
        json_decref(list);
        list = NULL; /* json_pack passes it on, and the printer tells */
    }
    struct trit_text name = { model, strlen(model) };
    return trit_json_print(json_pack("{s:o, s:I, s:o}", "model", trit_json_text(name), "count",
                                     (json_int_t)token_count(tokens), "tokens", list),
                           error);
}

static enum trit_code show(const struct tokenize_options *o, const char *model,
                           const struct trit_tokenizer *t, const struct tokens *tokens,
                           struct trit_error *error)
{
    if (o->output == JSON)
        return print_json(o, model, t, tokens, error);
    if (o->ids)
        print_ids(tokens);
    else
        print_text(t, tokens);
    if (o->show_count)
        printf("Total number of tokens: %zu\n", token_count(tokens));
    return TRIT_OK;
}

static enum trit_code load(const struct tokenize_options *o, char *model, struct trit_tokenizer **t,
                           struct trit_error *error)
{
    struct trit_gguf *gguf;
    enum trit_code code = trit_cli_find_model(o->model, model, PATH_ROOM, error);
    if (!code)
        code = trit_gguf_open(&gguf, model, error);
    if (code)
        return code;
    code = trit_tokenizer_load(t, gguf, error);
    trit_gguf_close(gguf);
    return code;
}

static enum trit_code tokenize(const struct tokenize_options *o, struct trit_error *error)
{
    char model[PATH_ROOM], *text = NULL;
    struct trit_tokenizer *t = NULL;
    struct tokens tokens = { .bos = -1 };
    size_t bytes = o->prompt ? strlen(o->prompt) : 0;
    enum trit_code code = TRIT_OK;
    if (o->file)
        code = trit_file_read(o->file, TRIT_TEXT_MAX, &text, &bytes, error);
    if (!code)
        code = load(o, model, &t, error);
    if (!code)
        code = trit_tokenizer_encode(t, (struct trit_text){ text ? text : o->prompt, bytes },
                                     !o->no_special, &tokens.ids, &tokens.n, error);
    if (!code && !o->no_bos && trit_tokenizer_lacks_bos(t, tokens.ids, tokens.n))
        tokens.bos = trit_tokenizer_bos(t);
    if (!code)
        code = show(o, model, t, &tokens, error);
    free(tokens.ids);
    trit_tokenizer_free(t);
    free(text);
    return code;
}

static int run(int argc, char **argv)
{
    struct tokenize_options o = { 0 };
    struct trit_error error;
    enum trit_parse parse = trit_cli_parse(&trit_cmd_tokenize, argc, argv, &o, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    return tokenize(&o, &error) ? trit_cli_error(&error) : trit_cli_output_code(0);
}

const struct trit_command trit_cmd_tokenize = {
    .name = "tokenize",
    .summary = "show the tokens of a text",
    .usage = "[-m FILE] (-p TEXT | -f FILE) [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
