/* Reading messages: libedit on a terminal, else lines of stdin. */
#define _GNU_SOURCE
#include "runtime/program/line.h"

#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"

enum { REMEMBERED = 1000, MESSAGE_MAX = 16 << 20 };
static const char quotes[] = "\"\"\"", history_head[] = "_HiStOrY_V2_\n"; /* libedit's */

struct trit_lines {
    const char *const *commands;
    EditLine *edit; /* NULL: stdin is no terminal */
    History *history;
    char history_path[PATH_MAX]; /* empty: it is not kept */
    bool more, taken_back;       /* the prompt is of a further line; Ctrl-C was typed */
    char *line;                  /* of getline */
    size_t line_room;
    char *text; /* the message so far */
    size_t bytes, room;
};

bool trit_lines_terminal(const struct trit_lines *l)
{
    return l->edit != NULL;
}

/* --- the terminal --- */

static struct trit_lines *of(EditLine *edit)
{
    void *lines = NULL;
    el_get(edit, EL_CLIENTDATA, &lines);
    return lines;
}

static char *prompt(EditLine *edit)
{
    static char first[] = ">>> ", further[] = "... ";
    return of(edit)->more ? further : first;
}

/* Ctrl-C: the line goes. */
static unsigned char take_back(EditLine *edit, int key)
{
    (void)key;
    of(edit)->taken_back = true;
    return CC_NEWLINE;
}

/* What a terminal says is pasted, up to ESC [ 201 ~: newlines become part of the message. */
static unsigned char paste(EditLine *edit, int key)
{
    static const char end[] = "\033[201~";
    char text[4096], c;
    size_t n = 0, matched = 0;
    (void)key;
    while (matched < sizeof end - 1 && el_getc(edit, &c) == 1) {
        matched = c == end[matched] ? matched + 1 : c == end[0];
        text[n++] = c == '\r' ? '\n' : c;
        if (n + 1 < sizeof text || matched)
            continue;
        text[n] = 0;
        el_insertstr(edit, text);
        n = 0;
    }
    text[n >= matched ? n - matched : 0] = 0;
    el_insertstr(edit, text);
    return CC_REFRESH;
}

/* A command's word is completed as far as it is the only one. */
static unsigned char complete(EditLine *edit, int key)
{
    struct trit_lines *l = of(edit);
    const LineInfo *info = el_line(edit);
    const size_t n = (size_t)(info->cursor - info->buffer);
    const char *found = NULL;
    (void)key;
    for (const char *const *word = l->commands; *word; word++)
        if (n > 0 && !strncmp(*word, info->buffer, n)) {
            if (found)
                return CC_ERROR;
            found = *word;
        }
    if (!found || el_insertstr(edit, found + n) < 0)
        return CC_ERROR;
    return CC_REFRESH;
}

static void bind_keys(EditLine *edit)
{
    static const char *const keys[][2] = {
        { "^C", "take-back" },
        { "\\e[200~", "paste" },
        { "\t", "complete-command" },
        { "^R", "em-inc-search-prev" },
        { "\\e[1;5C", "em-next-word" },
        { "\\e[1;5D", "ed-prev-word" },
        { "\\e[3~", "ed-delete-next-char" },
    };
    el_set(edit, EL_ADDFN, "take-back", "takes the line back", take_back);
    el_set(edit, EL_ADDFN, "paste", "inserts pasted lines", paste);
    el_set(edit, EL_ADDFN, "complete-command", "completes a command", complete);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        el_set(edit, EL_BIND, keys[i][0], keys[i][1], NULL);
    el_set(edit, EL_SETTY, "-d", "-isig", NULL); /* while editing it is a key */
}

/* A history that cannot be had is none. */
static void open_history(struct trit_lines *l)
{
    HistEvent event;
    l->history = history_init();
    if (!l->history)
        return;
    history(l->history, &event, H_SETSIZE, REMEMBERED);
    history(l->history, &event, H_SETUNIQUE, 1);
    el_set(l->edit, EL_HIST, history, l->history);
    if (trit_file_user_path(TRIT_USER_STATE, "chat_history", l->history_path,
                            sizeof l->history_path, NULL))
        *l->history_path = 0;
    else
        history(l->history, &event, H_LOAD, l->history_path);
}

static bool is_history(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, history_head);
}

static void keep_history(struct trit_lines *l)
{
    static const struct trit_file_kind kind = { "a history", is_history, 0600 };
    HistEvent event;
    struct trit_file *file;
    char block[4096];
    FILE *out = *l->history_path ? tmpfile() : NULL; /* libedit wants a file, not memory */
    if (!out)
        return;
    history(l->history, &event, H_SAVE_FP, out);
    const bool any = ftell(out) > (long)sizeof history_head;
    rewind(out);
    if (any && !trit_file_make_folders(l->history_path, NULL) &&
        !trit_file_create_as(&file, l->history_path, &kind, NULL)) {
        for (size_t n; (n = fread(block, 1, sizeof block, out)) > 0;)
            trit_file_write(file, block, n);
        trit_file_commit(file, NULL);
    }
    fclose(out);
}

static void open_terminal(struct trit_lines *l)
{
    setlocale(LC_CTYPE, ""); /* else libedit drops what is not ASCII */
    l->edit = el_init("tritmill", stdin, stdout, stderr);
    if (!l->edit)
        return;
    el_set(l->edit, EL_CLIENTDATA, l);
    el_set(l->edit, EL_EDITOR, "emacs");
    el_set(l->edit, EL_PROMPT, prompt);
    bind_keys(l->edit);
    open_history(l);
    el_source(l->edit, NULL);
}

enum trit_code trit_lines_open(struct trit_lines **lines, const char *const *commands,
                               struct trit_error *error)
{
    *lines = trit_alloc(1, sizeof **lines);
    if (!*lines)
        return trit_fail(error, TRIT_EMEMORY, "no memory to read lines");
    (*lines)->commands = commands;
    if (isatty(0) && isatty(1))
        open_terminal(*lines);
    return TRIT_OK;
}

void trit_lines_close(struct trit_lines *l)
{
    if (!l)
        return;
    if (l->history) {
        keep_history(l);
        history_end(l->history);
    }
    if (l->edit)
        el_end(l->edit);
    free(l->line);
    free(l->text);
    free(l);
}

/* --- lines and messages --- */

/* A line with its newline, if it has one; NULL: there are no more. */
static const char *read_line(struct trit_lines *l, size_t *bytes)
{
    int n = 0;
    l->taken_back = false;
    if (!l->edit) {
        const ssize_t got = getline(&l->line, &l->line_room, stdin);
        *bytes = got < 0 ? 0 : (size_t)got;
        return got < 0 ? NULL : l->line;
    }
    el_set(l->edit, EL_PREP_TERM, 1); /* before the prompt is seen: Ctrl-C is a key from now on */
    fputs("\033[?2004h", stdout);     /* pasted text is marked */
    fflush(stdout);
    const char *line = el_gets(l->edit, &n);
    fputs("\033[?2004l", stdout);
    if (l->taken_back)
        putchar('\n');
    fflush(stdout);
    *bytes = n > 0 ? (size_t)n : 0;
    return n > 0 || l->taken_back ? line : NULL;
}

static enum trit_code append(struct trit_lines *l, const char *text, size_t bytes,
                             struct trit_error *error)
{
    if (bytes > MESSAGE_MAX - l->bytes)
        return trit_fail(error, TRIT_EARGUMENT, "a message of more than %d bytes", MESSAGE_MAX);
    if (!trit_grow(&l->text, &l->room, l->bytes + bytes + 1, 1))
        return trit_fail(error, TRIT_EMEMORY, "no memory for a message");
    memcpy(l->text + l->bytes, text, bytes);
    l->bytes += bytes;
    l->text[l->bytes] = 0;
    return TRIT_OK;
}

static bool ends_with(const struct trit_lines *l, size_t from, const char *end)
{
    const size_t n = strlen(end);
    return l->bytes >= from + n && !memcmp(l->text + l->bytes - n, end, n);
}

/* Whether the message goes on behind what there is; marks that say so are taken away. */
static bool goes_on(struct trit_lines *l, bool *quoted)
{
    const size_t mark = sizeof quotes - 1;
    if (!*quoted && !strncmp(l->text, quotes, mark)) {
        *quoted = true;
        memmove(l->text, l->text + mark, l->bytes + 1 - mark);
        l->bytes -= mark;
    }
    if (*quoted && !ends_with(l, 0, quotes))
        return true;
    if (*quoted)
        l->bytes -= mark;
    else if (ends_with(l, 0, "\\"))
        l->bytes--;
    else
        return false;
    l->text[l->bytes] = 0;
    return !*quoted;
}

static void remember(struct trit_lines *l)
{
    HistEvent event;
    if (l->history && l->bytes)
        history(l->history, &event, H_ENTER, l->text);
}

enum trit_code trit_lines_next(struct trit_lines *l, enum trit_line *what, const char **text,
                               size_t *bytes, struct trit_error *error)
{
    bool quoted = false;
    l->bytes = 0;
    l->more = false;
    do {
        size_t n;
        const char *line = read_line(l, &n);
        if (l->taken_back || (!line && !l->more)) {
            *what = l->taken_back ? TRIT_LINE_AGAIN : TRIT_LINE_END;
            return TRIT_OK;
        }
        if (!line)
            break; /* what began goes on no more */
        if (memchr(line, 0, n))
            return trit_fail(error, TRIT_EARGUMENT, "a line with a NUL");
        n -= n > 0 && line[n - 1] == '\n';
        enum trit_code code = l->more ? append(l, "\n", 1, error) : TRIT_OK;
        if (!code)
            code = append(l, line, n, error);
        if (code)
            return code;
        l->more = goes_on(l, &quoted);
    } while (l->more);
    remember(l);
    *what = TRIT_LINE;
    *text = l->text;
    *bytes = l->bytes;
    return TRIT_OK;
}
