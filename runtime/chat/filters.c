/* Filters on strings and numbers, and those that take any value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value trim(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str set, str = trit_to_str(run, args->self);
    bool given = args->has[0] && args->v[0].kind != TRIT_NONE;
    if (given)
        set = trit_want_string(run, args->v[0]);
    trit_run_charge(run, str.n / 64);
    return trit_string_value(trit_strip(str, given ? &set : NULL, true, true));
}

static struct trit_value recase(struct trit_run *run, const struct trit_args *args)
{
    return trit_recase(run, trit_to_str(run, args->self), (enum trit_case)args->row->own);
}

static struct trit_value replace(struct trit_run *run, const struct trit_args *args)
{
    int64_t most =
        args->has[2] && args->v[2].kind != TRIT_NONE ? trit_want_int(run, args->v[2]) : -1;
    return trit_string_value(trit_replace(run, trit_to_str(run, args->self),
                                          trit_to_str(run, args->v[0]),
                                          trit_to_str(run, args->v[1]), most));
}

static struct trit_value string(struct trit_run *run, const struct trit_args *args)
{
    return trit_string_value(trit_to_str(run, args->self));
}

/* What is filtered, which may be anything but undefined. */
static struct trit_value defined(struct trit_run *run, const struct trit_args *args)
{
    if (args->self.kind == TRIT_UNDEFINED)
        trit_attribute(run, args->self, trit_str_of("")); /* says what is undefined */
    return args->self;
}

/* What stands before the lines of an indented text: blanks, or a text of its own. */
static struct trit_str margin(struct trit_run *run, const struct trit_args *args)
{
    if (args->has[0] && args->v[0].kind == TRIT_STRING)
        return args->v[0].str;
    int64_t width = args->has[0] ? trit_want_int(run, args->v[0]) : 4;
    return trit_arithmetic(run, TRIT_OP_MUL, trit_string_value(trit_str_of(" ")), trit_int(width))
        .str;
}

static struct trit_value indent(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str str = trit_to_str(run, defined(run, args)), left = margin(run, args);
    bool first = args->has[1] && trit_truth(args->v[1]);
    bool blank = args->has[2] && trit_truth(args->v[2]);
    struct trit_buffer b = { 0 };
    for (size_t from = 0, line = 0; from <= str.n; line++) {
        const char *end = from < str.n ? memchr(str.s + from, '\n', str.n - from) : NULL;
        size_t to = end ? (size_t)(end - str.s) : str.n;
        trit_run_charge(run, 1);
        if (line > 0 ? blank || to > from : first)
            trit_buffer_add(run, &b, left);
        trit_buffer_add(run, &b, trit_str_part(str, from, to + (end != NULL)));
        from = to + 1;
    }
    return trit_buffer_value(run, &b);
}

/* The number that a text holds, its sign and white space taken; false: none. */
static bool parse(struct trit_run *run, struct trit_str str, bool whole, struct trit_value *v)
{
    char text[64];
    str = trit_strip(str, NULL, true, true);
    bool minus = str.n > 0 && str.s[0] == '-', sign = minus || (str.n > 0 && str.s[0] == '+');
    size_t n = str.n - sign;
    if (n == 0 || n > sizeof text - 2 || str.s[sign] == '-' || memchr(str.s, 0, str.n))
        return false;
    memcpy(text, str.s + sign, n);
    text[n] = 0;
    if (!trit_number_parse(text, whole, v))
        return false;
    if (v->kind == TRIT_INT && !whole)
        *v = (struct trit_value){ .kind = TRIT_FLOAT, .d = (double)v->i };
    if (minus && whole)
        *v = trit_arithmetic(run, TRIT_OP_SUB, trit_int(0), *v);
    else if (minus)
        v->d = -v->d;
    return true;
}

static struct trit_value truncated(double d, struct trit_value otherwise)
{
    return d > -9e18 && d < 9e18 ? trit_int((int64_t)d) : otherwise;
}

static struct trit_value to_int(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value v, otherwise = args->has[0] ? args->v[0] : trit_int(0);
    if (defined(run, args).kind == TRIT_STRING) {
        if (parse(run, args->self.str, true, &v))
            return v;
        return parse(run, args->self.str, false, &v) ? truncated(v.d, otherwise) : otherwise;
    }
    if (args->self.kind == TRIT_FLOAT)
        return truncated(args->self.d, otherwise);
    return trit_is_number(args->self) ? trit_int(trit_want_int(run, args->self)) : otherwise;
}

static struct trit_value to_float(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value v = { .kind = TRIT_FLOAT };
    if (defined(run, args).kind == TRIT_STRING && parse(run, args->self.str, false, &v))
        return v;
    v = (struct trit_value){ .kind = TRIT_FLOAT };
    if (trit_is_number(args->self))
        v.d = trit_number(args->self);
    else if (args->has[0])
        return args->v[0];
    return v;
}

static struct trit_value absolute(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value v = args->self;
    if (!trit_is_number(v))
        trit_run_fail(run, "%s has no absolute value", trit_kind_name(v.kind));
    if (v.kind == TRIT_FLOAT)
        v.d = fabs(v.d);
    else
        v = trit_want_int(run, v) < 0 ? trit_arithmetic(run, TRIT_OP_SUB, trit_int(0), v)
                                      : trit_int(trit_want_int(run, v));
    return v;
}

/* To nearest, halves to even, as Python rounds; or up, or down. */
static struct trit_value rounded(struct trit_run *run, const struct trit_args *args)
{
    if (!trit_is_number(args->self))
        trit_run_fail(run, "%s is not rounded", trit_kind_name(args->self.kind));
    int64_t digits = args->has[0] ? trit_want_int(run, args->v[0]) : 0;
    struct trit_str how = args->has[1] ? trit_want_string(run, args->v[1]) : trit_str_of("common");
    double d = trit_number(args->self), scale = pow(10, (double)(digits < 300 ? digits : 300));
    if (trit_str_is(how, "ceil"))
        d = ceil(d * scale) / scale;
    else if (trit_str_is(how, "floor"))
        d = floor(d * scale) / scale;
    else
        d = nearbyint(d * scale) / scale;
    return (struct trit_value){ .kind = TRIT_FLOAT, .d = d };
}

static struct trit_value otherwise(struct trit_run *run, const struct trit_args *args)
{
    (void)run;
    bool falsy = args->has[1] && trit_truth(args->v[1]) && !trit_truth(args->self);
    if (args->self.kind != TRIT_UNDEFINED && !falsy)
        return args->self;
    return args->has[0] ? args->v[0] : trit_string_value(trit_str_of(""));
}

/* A pair of separators, or None. */
static void separators(struct trit_run *run, struct trit_value v, struct trit_json_style *style)
{
    if (v.kind == TRIT_NONE)
        return;
    const struct trit_seq *seq = trit_elements(run, v);
    if (seq->n != 2)
        trit_run_fail(run, "separators are two");
    style->item = trit_want_string(run, seq->v[0]);
    style->key = trit_want_string(run, seq->v[1]);
}

/* As Hugging Face sets it: json.dumps without escapes for HTML. */
static struct trit_value to_json(struct trit_run *run, const struct trit_args *args)
{
    enum { INDENT, ASCII, SEPARATORS, SORT };
    struct trit_json_style style = { .indent = -1, .key = trit_str_of(": ") };
    struct trit_buffer b = { 0 };
    if (args->has[INDENT] && args->v[INDENT].kind != TRIT_NONE) {
        int64_t n = trit_want_int(run, args->v[INDENT]);
        style.indent = (int)(n < 0 ? 0 : n > 100 ? 100 : n);
    }
    style.item = trit_str_of(style.indent < 0 ? ", " : ",");
    style.ascii = args->has[ASCII] && trit_truth(args->v[ASCII]);
    style.sorted = args->has[SORT] && trit_truth(args->v[SORT]);
    if (args->has[SEPARATORS])
        separators(run, args->v[SEPARATORS], &style);
    trit_write_json(run, &b, args->self, &style);
    return trit_buffer_value(run, &b);
}

const struct trit_callable trit_string_filters[] = {
    { "trim", "chars", 0, 1, trim, 0, 0 },
    { "upper", NULL, 0, 0, recase, 0, TRIT_UPPER },
    { "lower", NULL, 0, 0, recase, 0, TRIT_LOWER },
    { "title", NULL, 0, 0, recase, 0, TRIT_TITLE },
    { "capitalize", NULL, 0, 0, recase, 0, TRIT_CAPITAL },
    { "replace", "old new count", 2, 3, replace, 0, 0 },
    { "string", NULL, 0, 0, string, 0, 0 },
    { "indent", "width first blank", 0, 3, indent, 0, 0 },
    { "int", "default", 0, 1, to_int, 0, 0 },
    { "float", "default", 0, 1, to_float, 0, 0 },
    { "abs", NULL, 0, 0, absolute, 0, 0 },
    { "round", "precision method", 0, 2, rounded, 0, 0 },
    { "default", "default_value boolean", 0, 2, otherwise, 0, 0 },
    { "d", "default_value boolean", 0, 2, otherwise, 0, 0 },
    { "tojson", "indent ensure_ascii separators sort_keys", 0, 4, to_json, 0, 0 },
    { "safe", NULL, 0, 0, string, 0, 0 },
    { .name = NULL },
};

const struct trit_callable *trit_filter_find(struct trit_str name)
{
    const struct trit_callable *row = trit_callable_find(trit_string_filters, name);
    return row ? row : trit_callable_find(trit_list_filters, name);
}
