/* Building a net, within its bounds. The first failure stays, and nothing is built after it, so
   that only the end has to be looked at. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/internal.h"

void trit_build_fail(struct trit_build *b, enum trit_code code, const char *format, ...)
{
    char text[512];
    va_list args;
    if (b->code)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    b->code = trit_fail(b->error, code, "%s%s%s%s", b->path, b->cut ? "..." : "",
                        b->path_used ? ": " : "", text);
}

/* Room for one more; false after a failure. */
static bool room(struct trit_build *b, void *list, uint32_t n, uint32_t *have, size_t each,
                 uint32_t most)
{
    size_t elements = *have;
    if (b->code || n < *have)
        return !b->code;
    if (n >= most) {
        trit_build_fail(b, TRIT_EARGUMENT, "too large: the grammar needs more than %u parts",
                        (unsigned)most);
        return false;
    }
    if (!trit_grow(list, &elements, (size_t)n + 1, each)) {
        trit_build_fail(b, TRIT_EMEMORY, "no memory for a grammar");
        return false;
    }
    *have = (uint32_t)elements;
    return true;
}

uint32_t trit_build_state(struct trit_build *b)
{
    struct trit_grammar *net = b->net;
    /* One more than there are: finishing needs it. */
    if (!room(b, &net->states, net->nstates + 1, &b->states_room, sizeof *net->states,
              TRIT_NET_STATES))
        return 0;
    net->states[net->nstates] = (struct trit_state){ .height = 255 };
    return net->nstates++;
}

uint32_t trit_build_rule(struct trit_build *b)
{
    struct trit_grammar *net = b->net;
    const uint32_t entry = trit_build_state(b), end = trit_build_state(b);
    if (!room(b, &net->rules, net->nrules, &b->rules_room, sizeof *net->rules, TRIT_NET_RULES))
        return 0;
    net->states[end].end = true;
    net->rules[net->nrules] = (struct trit_rule){ .entry = entry, .end = end };
    return net->nrules++;
}

uint32_t trit_build_entry(const struct trit_build *b, uint32_t rule)
{
    return b->code ? 0 : b->net->rules[rule].entry;
}

uint32_t trit_build_end(const struct trit_build *b, uint32_t rule)
{
    return b->code ? 0 : b->net->rules[rule].end;
}

static void add(struct trit_build *b, struct trit_arc arc)
{
    struct trit_grammar *net = b->net;
    if (!room(b, &net->arcs, net->narcs, &b->arcs_room, sizeof *net->arcs, TRIT_NET_ARCS))
        return;
    arc.other = net->states[arc.from].first;
    net->arcs[net->narcs++] = arc;
    net->states[arc.from].first = net->narcs;
}

void trit_build_bytes(struct trit_build *b, uint32_t from, uint8_t low, uint8_t high, uint32_t to)
{
    add(b, (struct trit_arc){
               .from = from, .to = to, .kind = TRIT_ARC_BYTES, .low = low, .high = high });
}

void trit_build_free(struct trit_build *b, uint32_t from, uint32_t to)
{
    add(b, (struct trit_arc){ .from = from, .to = to, .kind = TRIT_ARC_FREE });
}

void trit_build_call(struct trit_build *b, uint32_t from, uint32_t rule, uint32_t to)
{
    add(b, (struct trit_arc){ .from = from, .to = to, .rule = rule, .kind = TRIT_ARC_CALL });
}

uint32_t trit_build_literal(struct trit_build *b, uint32_t from, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && !b->code; i++) {
        const uint32_t next = trit_build_state(b);
        trit_build_bytes(b, from, (uint8_t)bytes[i], (uint8_t)bytes[i], next);
        from = next;
    }
    return from;
}

/* Behind one byte, over the arc that there is or a new one. */
static uint32_t along(struct trit_build *b, uint32_t from, uint8_t byte)
{
    const struct trit_grammar *net = b->net;
    for (uint32_t i = net->states[from].first; i; i = net->arcs[i - 1].other) {
        const struct trit_arc *arc = &net->arcs[i - 1];
        if (arc->kind == TRIT_ARC_BYTES && arc->low == byte && arc->high == byte)
            return arc->to;
    }
    const uint32_t next = trit_build_state(b);
    trit_build_bytes(b, from, byte, byte, next);
    return next;
}

uint32_t trit_build_word(struct trit_build *b, uint32_t from, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && !b->code; i++)
        from = along(b, from, (uint8_t)bytes[i]);
    return from;
}

void trit_build_mark(struct trit_build *b, uint32_t state, uint8_t stop, uint32_t run)
{
    if (b->code)
        return;
    b->net->states[state].stop = stop;
    b->net->states[state].run = run;
}
