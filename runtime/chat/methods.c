/* Methods of strings, lists and dicts. */
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value strip(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str set;
    bool given = args->has[0] && args->v[0].kind != TRIT_NONE;
    if (given)
        set = trit_want_string(run, args->v[0]);
    trit_run_charge(run, args->self.str.n / 64);
    return trit_string_value(
        trit_strip(args->self.str, given ? &set : NULL, args->row->own & 1, args->row->own & 2));
}

/* Without a separator: at white space; the last part keeps what follows it. */
static struct trit_value words(struct trit_run *run, struct trit_str str, int64_t most)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    for (;;) {
        size_t n = 0;
        str = trit_strip(str, NULL, true, false);
        if (str.n == 0)
            return list;
        if (most-- == 0)
            break;
        while (n < str.n && !trit_space_bytes(str.s + n, str.n - n))
            n++;
        trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, 0, n)));
        str = trit_str_part(str, n, str.n);
    }
    trit_seq_add(run, list.seq, trit_string_value(str));
    return list;
}

static struct trit_value words_right(struct trit_run *run, struct trit_str str, int64_t most)
{
    struct trit_value all = words(run, str, -1), list = trit_seq_new(run, TRIT_LIST, 0);
    size_t n = all.seq->n, kept = most < 0 || (size_t)most > n ? n : (size_t)most;
    if (kept < n) {
        struct trit_str last = all.seq->v[n - kept - 1].str;
        size_t end = (size_t)(last.s + last.n - str.s);
        trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, 0, end)));
    }
    for (size_t i = n - kept; i < n; i++)
        trit_seq_add(run, list.seq, all.seq->v[i]);
    return list;
}

/* The last place that ends at or before `to`; SIZE_MAX: absent. */
static size_t find_last(struct trit_str in, struct trit_str what, size_t to)
{
    if (what.n > to)
        return SIZE_MAX;
    for (size_t at = to - what.n + 1; at-- > 0;)
        if (!memcmp(in.s + at, what.s, what.n))
            return at;
    return SIZE_MAX;
}

static struct trit_value split_left(struct trit_run *run, struct trit_str str, struct trit_str by,
                                    int64_t most)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    size_t from = 0, at;
    for (; most != 0 && (at = trit_find(str, by, from)) != SIZE_MAX; most--) {
        trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, from, at)));
        from = at + by.n;
    }
    trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, from, str.n)));
    return list;
}

static void reverse(struct trit_seq *seq)
{
    for (size_t i = 0; i < seq->n / 2; i++) {
        struct trit_value v = seq->v[i];
        seq->v[i] = seq->v[seq->n - 1 - i];
        seq->v[seq->n - 1 - i] = v;
    }
}

static struct trit_value split_right(struct trit_run *run, struct trit_str str, struct trit_str by,
                                     int64_t most)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    size_t to = str.n, at;
    for (; most != 0 && (at = find_last(str, by, to)) != SIZE_MAX; most--) {
        trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, at + by.n, to)));
        to = at;
    }
    trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, 0, to)));
    reverse(list.seq);
    return list;
}

static struct trit_value split(struct trit_run *run, const struct trit_args *args)
{
    bool right = args->row->own;
    struct trit_str str = args->self.str;
    int64_t most = args->has[1] ? trit_want_int(run, args->v[1]) : -1;
    trit_run_charge(run, str.n / 16);
    if (!args->has[0] || args->v[0].kind == TRIT_NONE)
        return right ? words_right(run, str, most) : words(run, str, most);
    struct trit_str by = trit_want_string(run, args->v[0]);
    if (by.n == 0)
        trit_run_fail(run, "an empty separator");
    return right ? split_right(run, str, by, most) : split_left(run, str, by, most);
}

static struct trit_value splitlines(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    struct trit_str str = args->self.str;
    bool keep = args->has[0] && trit_truth(args->v[0]);
    for (size_t from = 0, at = 0; at < str.n; from = at) {
        while (at < str.n && str.s[at] != '\n' && str.s[at] != '\r')
            at++;
        size_t end = at;
        at += at + 1 < str.n && str.s[at] == '\r' && str.s[at + 1] == '\n' ? 2 : at < str.n;
        trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, from, keep ? at : end)));
    }
    return list;
}

static bool has_end(struct trit_run *run, struct trit_str str, struct trit_value end, bool right)
{
    struct trit_str part = trit_want_string(run, end);
    return part.n <= str.n && !memcmp(right ? str.s + str.n - part.n : str.s, part.s, part.n);
}

static struct trit_value starts_or_ends(struct trit_run *run, const struct trit_args *args)
{
    bool right = args->row->own, yes = false;
    if (args->v[0].kind != TRIT_TUPLE)
        return trit_bool(has_end(run, args->self.str, args->v[0], right));
    for (size_t i = 0; i < args->v[0].seq->n; i++)
        yes |= has_end(run, args->self.str, args->v[0].seq->v[i], right);
    return trit_bool(yes);
}

static struct trit_value without_end(struct trit_run *run, const struct trit_args *args)
{
    bool right = args->row->own;
    struct trit_str str = args->self.str;
    size_t n = has_end(run, str, args->v[0], right) ? args->v[0].str.n : 0;
    return trit_string_value(trit_str_part(str, right ? 0 : n, right ? str.n - n : str.n));
}

static struct trit_value replace(struct trit_run *run, const struct trit_args *args)
{
    return trit_string_value(trit_replace(run, args->self.str, trit_want_string(run, args->v[0]),
                                          trit_want_string(run, args->v[1]),
                                          args->has[2] ? trit_want_int(run, args->v[2]) : -1));
}

static struct trit_value recase(struct trit_run *run, const struct trit_args *args)
{
    return trit_recase(run, args->self.str, (enum trit_case)args->row->own);
}

/* Places are counted in characters. */
static struct trit_value find(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str str = args->self.str, what = trit_want_string(run, args->v[0]);
    trit_run_charge(run, str.n / 16);
    size_t at = args->row->own & 1 ? find_last(str, what, str.n) : trit_find(str, what, 0);
    if (at == SIZE_MAX && args->row->own & 2)
        trit_run_fail(run, "the part of a string is not there");
    return trit_int(at == SIZE_MAX ? -1 : (int64_t)trit_chars(trit_str_part(str, 0, at)));
}

static struct trit_value count_string(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str str = args->self.str, what = trit_want_string(run, args->v[0]);
    int64_t n = 0;
    trit_run_charge(run, str.n / 16);
    if (what.n == 0)
        return trit_int((int64_t)trit_chars(str) + 1);
    for (size_t at = 0; (at = trit_find(str, what, at)) != SIZE_MAX; at += what.n)
        n++;
    return trit_int(n);
}

static struct trit_value join(struct trit_run *run, const struct trit_args *args)
{
    struct trit_buffer b = { 0 };
    const struct trit_seq *seq = trit_elements(run, args->v[0]);
    for (size_t i = 0; i < seq->n; i++) {
        trit_run_charge(run, 1);
        trit_buffer_add(run, &b, i ? args->self.str : (struct trit_str){ 0 });
        trit_buffer_add(run, &b, trit_want_string(run, seq->v[i]));
    }
    return trit_buffer_value(run, &b);
}

/* own: a bit for digits, letters, white space, which all characters must be. */
static struct trit_value all_are(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str str = args->self.str;
    bool yes = str.n > 0;
    trit_run_charge(run, str.n / 64);
    for (size_t i = 0; i < str.n && yes; i++) {
        char c = str.s[i], low = (char)(c | 0x20);
        unsigned is = (c >= '0' && c <= '9') | ((low >= 'a' && low <= 'z') || (c & 0x80)) << 1 |
                      (unsigned)(trit_space_bytes(str.s + i, 1) > 0) << 2;
        yes = (is & args->row->own) != 0;
    }
    return trit_bool(yes);
}

enum { LEFT = 1, RIGHT = 2, STRING = 1 << TRIT_STRING };
const struct trit_callable trit_string_methods[] = {
    { "strip", "chars", 0, 1, strip, STRING, LEFT | RIGHT },
    { "lstrip", "chars", 0, 1, strip, STRING, LEFT },
    { "rstrip", "chars", 0, 1, strip, STRING, RIGHT },
    { "split", "sep maxsplit", 0, 2, split, STRING, 0 },
    { "rsplit", "sep maxsplit", 0, 2, split, STRING, 1 },
    { "splitlines", "keepends", 0, 1, splitlines, STRING, 0 },
    { "startswith", NULL, 1, 1, starts_or_ends, STRING, 0 },
    { "endswith", NULL, 1, 1, starts_or_ends, STRING, 1 },
    { "removeprefix", NULL, 1, 1, without_end, STRING, 0 },
    { "removesuffix", NULL, 1, 1, without_end, STRING, 1 },
    { "replace", "old new count", 2, 3, replace, STRING, 0 },
    { "upper", NULL, 0, 0, recase, STRING, TRIT_UPPER },
    { "lower", NULL, 0, 0, recase, STRING, TRIT_LOWER },
    { "title", NULL, 0, 0, recase, STRING, TRIT_TITLE },
    { "capitalize", NULL, 0, 0, recase, STRING, TRIT_CAPITAL },
    { "find", NULL, 1, 1, find, STRING, 0 },
    { "rfind", NULL, 1, 1, find, STRING, 1 },
    { "index", NULL, 1, 1, find, STRING, 2 },
    { "count", NULL, 1, 1, count_string, STRING, 0 },
    { "join", NULL, 1, 1, join, STRING, 0 },
    { "isdigit", NULL, 0, 0, all_are, STRING, 1 },
    { "isalpha", NULL, 0, 0, all_are, STRING, 2 },
    { "isalnum", NULL, 0, 0, all_are, STRING, 3 },
    { "isspace", NULL, 0, 0, all_are, STRING, 4 },
    { .name = NULL },
};
