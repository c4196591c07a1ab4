/* What a net is once it is built: its arcs in order, the classes of bytes, how high stacks get, and
   in which order rules begin. */
#include <stdlib.h>

#include "runtime/grammar/internal.h"

/* By state; of a state bytes come first, then free arcs, then calls. */
static int in_order(const void *a, const void *b)
{
    const struct trit_arc *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->to != y->to ? (x->to < y->to ? -1 : 1) : 0;
}

static void sort_arcs(struct trit_grammar *net)
{
    uint32_t at = 0;
    if (net->narcs)
        qsort(net->arcs, net->narcs, sizeof *net->arcs, in_order);
    for (uint32_t s = 0; s <= net->nstates; s++) {
        net->states[s].first = at;
        while (at < net->narcs && net->arcs[at].from == s)
            at++;
    }
}

/* Bytes between which no arc begins or ends behave alike. */
static void make_classes(struct trit_grammar *net)
{
    bool begins[257] = { [0] = true };
    for (uint32_t i = 0; i < net->narcs; i++)
        if (net->arcs[i].kind == TRIT_ARC_BYTES) {
            begins[net->arcs[i].low] = true;
            begins[net->arcs[i].high + 1] = true;
        }
    for (uint32_t byte = 0; byte < 256; byte++) {
        if (begins[byte])
            net->sample[net->nclasses++] = (uint8_t)byte;
        net->class[byte] = (uint8_t)(net->nclasses - 1);
    }
}

/* --- heights --- */

struct heights {
    const struct trit_grammar *net;
    uint32_t *first; /* a state, and one behind: where its arcs in `into` begin */
    uint32_t *into;  /* arcs that depend on a state: that lead to it, or call its rule */
    uint32_t *queue; /* a ring of states that got lower, each once */
    uint8_t *queued;
};

/* The states that an arc depends on; of a call two. */
static uint32_t depends(const struct trit_grammar *net, uint32_t arc, uint32_t states[2])
{
    states[0] = net->arcs[arc].to;
    if (net->arcs[arc].kind != TRIT_ARC_CALL)
        return 1;
    states[1] = net->rules[net->arcs[arc].rule].entry;
    return 2;
}

static void sort_by_target(struct heights *h)
{
    const struct trit_grammar *net = h->net;
    uint32_t states[2];
    for (uint32_t i = 0; i < net->narcs; i++)
        for (uint32_t n = depends(net, i, states); n-- > 0;)
            h->first[states[n] + 1]++;
    for (uint32_t s = 0; s < net->nstates; s++)
        h->first[s + 1] += h->first[s];
    for (uint32_t i = 0; i < net->narcs; i++)
        for (uint32_t n = depends(net, i, states); n-- > 0;)
            h->into[h->first[states[n]]++] = i; /* first[s] moves to where s + 1 begins */
}

/* From the rules' ends backwards, as long as anything gets lower. */
static void lower(struct heights *h)
{
    const struct trit_grammar *net = h->net;
    uint32_t head = 0, n = 0;
    for (uint32_t s = 0; s < net->nstates; s++)
        if (net->states[s].end) {
            net->states[s].height = 0;
            h->queue[n++] = s;
            h->queued[s] = 1;
        }
    while (n--) {
        const uint32_t state = h->queue[head];
        head = head + 1 < net->nstates ? head + 1 : 0;
        h->queued[state] = 0;
        for (uint32_t i = state ? h->first[state - 1] : 0; i < h->first[state]; i++) {
            const struct trit_arc *arc = &net->arcs[h->into[i]];
            uint32_t height = net->states[arc->to].height;
            if (arc->kind == TRIT_ARC_CALL) {
                const uint32_t called = net->states[net->rules[arc->rule].entry].height + 1u;
                height = called > height ? called : height;
            }
            if (height >= net->states[arc->from].height)
                continue;
            net->states[arc->from].height = (uint8_t)height;
            if (!h->queued[arc->from]) {
                h->queued[arc->from] = 1;
                h->queue[(head + n++) % net->nstates] = arc->from;
            }
        }
    }
}

static void find_heights(struct trit_build *b)
{
    const struct trit_grammar *net = b->net;
    struct heights h = { .net = net };
    h.first = calloc(net->nstates + 1, sizeof *h.first);
    h.into = calloc(2 * (size_t)net->narcs + 1, sizeof *h.into);
    h.queue = calloc(net->nstates, sizeof *h.queue);
    h.queued = calloc(net->nstates, sizeof *h.queued);
    if (h.first && h.into && h.queue && h.queued) {
        sort_by_target(&h);
        lower(&h);
    } else {
        trit_build_fail(b, TRIT_EMEMORY, "no memory for a grammar");
    }
    free(h.first);
    free(h.into);
    free(h.queue);
    free(h.queued);
}

/* --- ranks --- */

struct ranking {
    struct trit_build *b;
    uint32_t *seen;  /* a state: the rule from whose entry it was reached last, + 1 */
    uint32_t *stack; /* states to go through, then rules */
    uint8_t *done;   /* a rule: 1: being ranked, 2: ranked */
    uint32_t next;   /* ranks are given from the last on */
};

static void rank_rule(struct ranking *r, uint32_t rule, uint32_t depth);

/* All that a rule can reach before a byte: what it calls there is ranked first. */
static void rank_calls(struct ranking *r, uint32_t rule, uint32_t state, uint32_t depth)
{
    const struct trit_grammar *net = r->b->net;
    uint32_t n = 0;
    uint32_t *const stack = r->stack; /* what calls are ranked does not need it at the same time */
    uint32_t *const calls = malloc((net->nrules + 1) * sizeof *calls);
    uint32_t ncalls = 0;
    if (!calls) {
        trit_build_fail(r->b, TRIT_EMEMORY, "no memory for a grammar");
        return;
    }
    r->seen[state] = rule + 1;
    stack[n++] = state;
    while (n) {
        const uint32_t s = stack[--n];
        if (net->states[s].end && rule)
            trit_build_fail(r->b, TRIT_EUNSUPPORTED, "a part of the grammar may be empty");
        for (uint32_t i = net->states[s].first; i < net->states[s + 1].first; i++) {
            const struct trit_arc *arc = &net->arcs[i];
            if (arc->kind == TRIT_ARC_CALL && !(r->done[arc->rule] & 4)) {
                r->done[arc->rule] |= 4; /* once in the list */
                calls[ncalls++] = arc->rule;
            }
            if (arc->kind == TRIT_ARC_FREE && r->seen[arc->to] != rule + 1) {
                r->seen[arc->to] = rule + 1;
                stack[n++] = arc->to;
            }
        }
    }
    for (uint32_t i = 0; i < ncalls; i++)
        r->done[calls[i]] &= (uint8_t)~4;
    for (uint32_t i = 0; i < ncalls && !r->b->code; i++)
        rank_rule(r, calls[i], depth + 1);
    free(calls);
}

static void rank_rule(struct ranking *r, uint32_t rule, uint32_t depth)
{
    struct trit_grammar *net = r->b->net;
    if (r->done[rule] == 2)
        return;
    if (r->done[rule] == 1) {
        trit_build_fail(r->b, TRIT_EARGUMENT, "a schema that begins with itself");
        return;
    }
    if (depth > 256) {
        trit_build_fail(r->b, TRIT_EARGUMENT, "too large: references to references, more than 256");
        return;
    }
    r->done[rule] = 1;
    rank_calls(r, rule, net->rules[rule].entry, depth);
    r->done[rule] = 2;
    net->rules[rule].rank = --r->next;
}

static void rank_rules(struct trit_build *b)
{
    const struct trit_grammar *net = b->net;
    struct ranking r = { .b = b, .next = net->nrules };
    r.seen = calloc(net->nstates, sizeof *r.seen);
    r.stack = calloc(net->nstates + 1, sizeof *r.stack);
    r.done = calloc(net->nrules, sizeof *r.done);
    if (!r.seen || !r.stack || !r.done)
        trit_build_fail(b, TRIT_EMEMORY, "no memory for a grammar");
    for (uint32_t i = 0; i < net->nrules && !b->code; i++)
        rank_rule(&r, i, 0);
    free(r.seen);
    free(r.stack);
    free(r.done);
}

void trit_build_finish(struct trit_build *b)
{
    struct trit_grammar *net = b->net;
    if (b->code)
        return;
    sort_arcs(net);
    make_classes(net);
    find_heights(b);
    const uint8_t height = net->states[net->rules[0].entry].height;
    if (height == 255)
        trit_build_fail(b, TRIT_EARGUMENT, "no text can be what is asked for");
    else if (height > TRIT_NET_DEPTH)
        trit_build_fail(b, TRIT_EARGUMENT, "too large: it needs a depth of %u, at most %d",
                        (unsigned)height, TRIT_NET_DEPTH);
    rank_rules(b);
}
