/* What the lines of tasks ask: the keys of five of them, and their prompts as
   lm-evaluation-harness writes them (its task definitions are the source of the forms). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/nesting.h"
#include "runtime/judge/internal.h"

enum { LINE_MOST = 1 << 20, DEPTH_MOST = 16 };

/* A line that is being read. */
struct reader {
    struct trit_question *q;
    json_t *line;
    const char *path, *task;
    size_t number;
    struct trit_error *error;
};

void trit_question_free(struct trit_question *q)
{
    for (size_t i = 0; i < q->n; i++) {
        free(q->context[i]);
        free(q->continuation[i]);
    }
    *q = (struct trit_question){ 0 };
}

static enum trit_code bad(const struct reader *r, const char *key, const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: line %zu: key '%s' (%s): %s", r->path, r->number,
                     key, r->task, what);
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* A text made like printf's; NULL without memory. */
__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
    char *out = NULL;
    size_t n;
    va_list args;
    FILE *to = open_memstream(&out, &n);
    if (!to)
        return NULL;
    va_start(args, format);
    vfprintf(to, format, args);
    va_end(args);
    fclose(to);
    return out;
}

/* One more choice, which takes both texts. length: characters of what was to be chosen. */
static enum trit_code add(struct reader *r, char *context, char *continuation, size_t length)
{
    struct trit_question *q = r->q;
    if (context && continuation && q->n < TRIT_CHOICES) {
        q->length[q->n] = length ? length : 1;
        q->context[q->n] = context;
        q->continuation[q->n++] = continuation;
        return TRIT_OK;
    }
    const bool memory = context && continuation;
    free(context);
    free(continuation);
    return memory ? trit_fail(r->error, TRIT_EFORMAT, "%s: line %zu: more than %d choices", r->path,
                              r->number, TRIT_CHOICES)
                  : trit_fail(r->error, TRIT_EMEMORY, "%s: no memory", r->path);
}

static const char *string(const struct reader *r, const json_t *from, const char *key)
{
    const char *s = json_string_value(json_object_get(from, key));
    if (!s)
        bad(r, key, "must be a text");
    return s;
}

/* A number, or a text of digits, from `first` on: its place. */
static enum trit_code place(struct reader *r, const char *key, long first)
{
    const json_t *value = json_object_get(r->line, key);
    const char *s = json_string_value(value);
    char *end = NULL;
    const long at = json_is_integer(value) ? (long)json_integer_value(value)
                    : s                    ? strtol(s, &end, 10)
                                           : -1;
    if (!value || (end && (end == s || *end)) || at < first || at - first >= (long)r->q->n)
        return bad(r, key, "names no choice");
    r->q->right = (size_t)(at - first);
    return TRIT_OK;
}

/* ARC: a stem, and choices with labels, one of which is the answer's. */

struct arc {
    const char *stem;
    const json_t *texts, *labels; /* Hugging Face's; or */
    const json_t *choices;        /* objects of text and label */
};

static const char *arc_part(const struct arc *a, size_t i, bool label)
{
    const json_t *of = label ? a->labels : a->texts;
    return json_string_value(
        a->choices ? json_object_get(json_array_get(a->choices, i), label ? "label" : "text")
                   : json_array_get(of, i));
}

static enum trit_code read_arc(struct reader *r)
{
    const json_t *question = json_object_get(r->line, "question"),
                 *choices =
                     json_object_get(json_is_object(question) ? question : r->line, "choices");
    struct arc a = { .stem = json_string_value(
                         json_is_object(question) ? json_object_get(question, "stem") : question) };
    const char *answer = string(r, r->line, "answerKey");
    a.choices = json_is_array(choices) ? choices : NULL;
    a.texts = json_object_get(choices, "text");
    a.labels = json_object_get(choices, "label");
    const size_t n = json_array_size(a.choices ? a.choices : a.texts);
    enum trit_code code = answer ? TRIT_OK : TRIT_EFORMAT;
    if (!code && !a.stem)
        code = bad(r, "question", "must be a text, or have a stem");
    r->q->right = SIZE_MAX;
    for (size_t i = 0; i < n && !code; i++) {
        const char *choice = arc_part(&a, i, false), *label = arc_part(&a, i, true);
        if (!choice || !label)
            return bad(r, "choices", "each must have a text and a label");
        if (!strcmp(label, answer))
            r->q->right = i;
        code =
            add(r, text("Question: %s\nAnswer:", a.stem), text(" %s", choice), characters(choice));
    }
    return code || r->q->right < n ? code : bad(r, "answerKey", "names no choice");
}

/* HellaSwag: what marks its sources is taken out. */

/* In place: " [title]" becomes ". ", other texts in brackets go, double blanks become one. */
static void clean(char *s)
{
    char *to = s;
    for (const char *from = s; *from;) {
        const char *close = *from == '[' ? strchr(from, ']') : NULL;
        if (!strncmp(from, " [title]", 8)) {
            *to++ = '.';
            *to++ = ' ';
            from += 8;
        } else if (close) {
            from = close + 1;
        } else {
            *to++ = *from++;
        }
    }
    *to = 0;
    to = s;
    for (const char *from = s; *from; from++) {
        *to++ = *from;
        from += from[0] == ' ' && from[1] == ' ';
    }
    *to = 0;
}

static char *strip(char *s)
{
    size_t n = strlen(s), skip = strspn(s, " \t\r\n");
    while (n > skip && strchr(" \t\r\n", s[n - 1]))
        n--;
    memmove(s, s + skip, n - skip);
    s[n - skip] = 0;
    return s;
}

static char *cleaned(char *s)
{
    if (s)
        clean(strip(s));
    return s;
}

/* First letter upper case, the others lower: as Python's capitalize, in ASCII. */
static char *capital(const char *s)
{
    char *out = strdup(s);
    for (char *c = out; c && *c; c++)
        if (c == out && *c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if (c != out && *c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return out;
}

static enum trit_code read_hellaswag(struct reader *r)
{
    const char *label = string(r, r->line, "activity_label"), *a = string(r, r->line, "ctx_a"),
               *b = string(r, r->line, "ctx_b");
    const json_t *endings = json_object_get(r->line, "endings");
    enum trit_code code = label && a && b ? TRIT_OK : TRIT_EFORMAT;
    for (size_t i = 0; i < json_array_size(endings) && !code; i++) {
        const char *ending = json_string_value(json_array_get(endings, i));
        if (!ending)
            return bad(r, "endings", "must be texts");
        char *upper = capital(b), *end = cleaned(strdup(ending));
        char *context = upper ? cleaned(text("%s: %s %s", label, a, upper)) : NULL;
        code = add(r, context, end ? text(" %s", end) : NULL, end ? characters(end) : 0);
        free(upper);
        free(end);
    }
    return code ? code : place(r, "label", 0);
}

/* WinoGrande: what follows the blank, behind either name in its place. */
static enum trit_code read_winogrande(struct reader *r)
{
    static const char *const keys[] = { "option1", "option2" };
    const char *sentence = string(r, r->line, "sentence");
    const char *blank = sentence ? strchr(sentence, '_') : NULL;
    if (!sentence)
        return TRIT_EFORMAT;
    if (!blank)
        return bad(r, "sentence", "has no blank, _");
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < 2 && !code; i++) {
        const char *option = string(r, r->line, keys[i]);
        char *rest = option ? strdup(blank + 1) : NULL;
        if (!option)
            return TRIT_EFORMAT;
        code = add(r, text("%.*s%s", (int)(blank - sentence), sentence, option),
                   rest ? text(" %s", strip(rest)) : NULL, characters(option));
        free(rest);
    }
    return code ? code : place(r, "answer", 1);
}

static enum trit_code read_boolq(struct reader *r)
{
    static const char *const answers[] = { "no", "yes" };
    const char *passage = string(r, r->line, "passage"), *question = string(r, r->line, "question");
    const json_t *answer = json_object_get(r->line, "answer");
    const json_t *label = json_object_get(r->line, "label");
    enum trit_code code = passage && question ? TRIT_OK : TRIT_EFORMAT;
    for (size_t i = 0; i < 2 && !code; i++)
        code = add(r, text("%s\nQuestion: %s?\nAnswer:", passage, question),
                   text(" %s", answers[i]), characters(answers[i]));
    if (code || (!json_is_boolean(answer) && label))
        return code ? code : place(r, "label", 0);
    if (!json_is_boolean(answer))
        return bad(r, "answer", "must be true or false");
    r->q->right = json_is_true(answer);
    return TRIT_OK;
}

static enum trit_code read_piqa(struct reader *r)
{
    static const char *const keys[] = { "sol1", "sol2" };
    const char *goal = string(r, r->line, "goal");
    enum trit_code code = goal ? TRIT_OK : TRIT_EFORMAT;
    for (size_t i = 0; i < 2 && !code; i++) {
        const char *solution = string(r, r->line, keys[i]);
        if (!solution)
            return TRIT_EFORMAT;
        code = add(r, text("Question: %s\nAnswer:", goal), text(" %s", solution),
                   characters(solution));
    }
    return code ? code : place(r, "label", 0);
}

/* A form is told by a key that no other has. */
static const struct form {
    const char *key, *task;
    enum trit_code (*read)(struct reader *r);
} forms[] = {
    { "answerKey", "ARC", read_arc },
    { "endings", "HellaSwag", read_hellaswag },
    { "option1", "WinoGrande", read_winogrande },
    { "passage", "BoolQ", read_boolq },
    { "sol1", "PIQA", read_piqa },
};

static enum trit_code read_form(struct reader *r, const char **task)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (json_object_get(r->line, forms[i].key)) {
            *task = r->task = forms[i].task;
            const enum trit_code code = forms[i].read(r);
            return code || r->q->n > 1 ? code : bad(r, forms[i].key, "has fewer than two choices");
        }
    return trit_fail(r->error, TRIT_EFORMAT,
                     "%s: line %zu: no question of ARC (answerKey), HellaSwag (endings), "
                     "WinoGrande (option1), BoolQ (passage) or PIQA (sol1)",
                     r->path, r->number);
}

/* The label that stands elsewhere becomes a key of the line. */
static void take_label(struct reader *r, struct trit_text label)
{
    while (label.n && strchr(" \t\r\n", label.s[label.n - 1]))
        label.n--;
    if (label.s && !json_object_get(r->line, "label"))
        json_object_set_new(r->line, "label", json_stringn(label.s, label.n));
}

enum trit_code trit_question_read(struct trit_question *q, const char **task,
                                  const struct trit_task_line *line, struct trit_error *error)
{
    json_error_t fault;
    *q = (struct trit_question){ 0 };
    if (line->text.n > LINE_MOST ||
        trit_nesting_count(line->text.s, line->text.n).deepest > DEPTH_MOST)
        return trit_fail(error, TRIT_EFORMAT, "%s: line %zu: longer than %d bytes, or too deep",
                         line->path, line->number, LINE_MOST);
    json_t *json = json_loadb(line->text.s, line->text.n, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(json)) {
        json_decref(json);
        return trit_fail(error, TRIT_EFORMAT, "%s: line %zu: %s", line->path, line->number,
                         json ? "no JSON object" : fault.text);
    }
    struct reader r = { q, json, line->path, "", line->number, error };
    take_label(&r, line->label);
    const enum trit_code code = read_form(&r, task);
    json_decref(json);
    if (code)
        trit_question_free(q);
    return code;
}
