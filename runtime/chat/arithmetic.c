/* + - * / // % ** ~ with Python's rules; integers have 64 bits. */
#include <math.h>
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value number(double d)
{
    return (struct trit_value){ .kind = TRIT_FLOAT, .d = d };
}

static struct trit_value joined(struct trit_run *run, struct trit_str a, struct trit_str b)
{
    struct trit_buffer out = { 0 };
    if (a.n == 0 || b.n == 0)
        return trit_string_value(a.n == 0 ? b : a);
    trit_buffer_add(run, &out, a);
    trit_buffer_add(run, &out, b);
    return trit_buffer_value(run, &out);
}

static struct trit_value repeated(struct trit_run *run, struct trit_value of, struct trit_value by)
{
    struct trit_buffer out = { 0 };
    int64_t n = by.kind == TRIT_BOOL ? by.yes : by.i;
    if (of.kind == TRIT_STRING) {
        for (int64_t i = 0; i < n && of.str.n > 0; i++) {
            trit_run_charge(run, 1);
            trit_buffer_add(run, &out, of.str);
        }
        return trit_buffer_value(run, &out);
    }
    struct trit_value list = trit_seq_new(run, of.kind, 0);
    for (int64_t i = 0; i < n && of.seq->n > 0; i++)
        for (size_t j = 0; j < of.seq->n; j++)
            trit_seq_add(run, list.seq, of.seq->v[j]);
    return list;
}

static struct trit_value chained(struct trit_run *run, const struct trit_value *a,
                                 const struct trit_value *b)
{
    struct trit_value list = trit_seq_new(run, a->kind, a->seq->n + b->seq->n);
    for (size_t i = 0; i < a->seq->n; i++)
        trit_seq_add(run, list.seq, a->seq->v[i]);
    for (size_t i = 0; i < b->seq->n; i++)
        trit_seq_add(run, list.seq, b->seq->v[i]);
    return list;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static bool power(int64_t base, int64_t times, int64_t *out)
{
    bool fits = true;
    *out = 1;
    if (base == 0 || base == 1 || base == -1) {
        *out = times == 0 || base == 1 ? 1 : base == 0 ? 0 : times % 2 ? -1 : 1;
        return true;
    }
    for (; fits && times > 0; times--)
        fits = !__builtin_mul_overflow(*out, base, out);
    return fits;
}

static struct trit_value integers(struct trit_run *run, enum trit_op op, int64_t a, int64_t b)
{
    int64_t out = 0;
    bool fits = true, divides = op == TRIT_OP_DIV || op == TRIT_OP_FLOOR || op == TRIT_OP_MOD;
    if (divides && b == 0)
        trit_run_fail(run, "a division by zero");
    if (op == TRIT_OP_DIV)
        return number((double)a / (double)b);
    if (op == TRIT_OP_POW && b < 0)
        return number(pow((double)a, (double)b));
    if (op == TRIT_OP_ADD)
        fits = !__builtin_add_overflow(a, b, &out);
    else if (op == TRIT_OP_SUB)
        fits = !__builtin_sub_overflow(a, b, &out);
    else if (op == TRIT_OP_MUL)
        fits = !__builtin_mul_overflow(a, b, &out);
    else if (op == TRIT_OP_POW)
        fits = power(a, b, &out);
    else if (b == -1)
        fits = op == TRIT_OP_MOD || !__builtin_sub_overflow(0, a, &out);
    else
        out = op == TRIT_OP_FLOOR ? floor_divide(a, b) : a - floor_divide(a, b) * b;
    if (!fits)
        trit_run_fail(run, "an integer has more than 64 bits");
    return trit_int(out);
}

static struct trit_value floats(struct trit_run *run, enum trit_op op, double a, double b)
{
    double mod;
    switch (op) {
    case TRIT_OP_ADD:
        return number(a + b);
    case TRIT_OP_SUB:
        return number(a - b);
    case TRIT_OP_MUL:
        return number(a * b);
    case TRIT_OP_POW:
        return number(pow(a, b));
    default:
        if (b == 0)
            trit_run_fail(run, "a division by zero");
        if (op == TRIT_OP_DIV)
            return number(a / b);
        mod = fmod(a, b);
        mod += mod != 0 && (mod < 0) != (b < 0) ? b : 0;
        return number(op == TRIT_OP_MOD ? mod : floor((a - mod) / b + 0.5));
    }
}

static const char *sign(enum trit_op op)
{
    static const char *const signs[] = { "+", "-", "*", "/", "//", "%", "**", "~" };
    return signs[op - TRIT_OP_ADD];
}

static bool listed(struct trit_value v)
{
    return v.kind == TRIT_LIST || v.kind == TRIT_TUPLE;
}

struct trit_value trit_arithmetic(struct trit_run *run, enum trit_op op, struct trit_value a,
                                  struct trit_value b)
{
    if (op == TRIT_OP_JOIN)
        return joined(run, trit_to_str(run, a), trit_to_str(run, b));
    if (trit_is_number(a) && trit_is_number(b)) {
        if (a.kind == TRIT_FLOAT || b.kind == TRIT_FLOAT)
            return floats(run, op, trit_number(a), trit_number(b));
        return integers(run, op, a.kind == TRIT_INT ? a.i : a.yes,
                        b.kind == TRIT_INT ? b.i : b.yes);
    }
    if (op == TRIT_OP_ADD && a.kind == TRIT_STRING && b.kind == TRIT_STRING)
        return joined(run, a.str, b.str);
    if (op == TRIT_OP_ADD && listed(a) && a.kind == b.kind)
        return chained(run, &a, &b);
    bool left = (a.kind == TRIT_STRING || listed(a)) && (b.kind == TRIT_INT || b.kind == TRIT_BOOL);
    bool right =
        (b.kind == TRIT_STRING || listed(b)) && (a.kind == TRIT_INT || a.kind == TRIT_BOOL);
    if (op == TRIT_OP_MUL && (left || right))
        return left ? repeated(run, a, b) : repeated(run, b, a);
    for (int i = 0; i < 2; i++)
        if ((i ? b : a).kind == TRIT_UNDEFINED)
            trit_attribute(run, i ? b : a, trit_str_of("")); /* says what is undefined */
    trit_run_fail(run, "%s %s %s", trit_kind_name(a.kind), sign(op), trit_kind_name(b.kind));
}
