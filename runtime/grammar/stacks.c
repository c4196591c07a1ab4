/* Where texts stand in a grammar. A place is a state and a stack; a stack is the set of places from
   which the rule was called, at one moment, that the state is in. Since a rule's callers at a
   moment share one stack, a text that can be read in many ways has few places. Sets of places, and
   stacks, are numbered by what they hold, and where bytes lead from a set is remembered. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/lists.h"

enum {
    /* Bounds on what a text may cost, reached by schemas made for it alone: places of a set, sets,
       and places that are gone through for a mask. */
    MOST_PLACES = 1 << 13,
    MOST_SETS = 1 << 18,
    MOST_WORK = 1 << 23,
    TRIM_SETS = 1 << 11,
    TRIM_PLACES = 1 << 16,
};

struct caller {
    struct trit_place place;
    uint32_t other; /* the next of the same rule, + 1 */
};

struct trit_stacks {
    const struct trit_grammar *net;
    struct trit_lists stacks, sets; /* stack 0 is that of the text */
    uint8_t *depths;                /* a stack: how many there are below it at least */
    struct trit_set *known;         /* a set */
    uint32_t *next;                 /* a set: where its classes of bytes lead, 0: not known */
    size_t depths_room, known_room, next_room;
    /* While a set is made: */
    struct trit_place *work; /* all places that were met */
    uint32_t *met;           /* of them, by their hash: number + 1; all 0 in between */
    struct caller *callers;
    uint32_t *calls; /* a rule: its last caller, + 1 */
    uint32_t *due;   /* rules with callers */
    struct trit_place *sorted;
    size_t nwork, work_room, met_slots, ncallers, callers_room, ndue, sorted_room;
    size_t spent; /* places that were gone through */
    bool failed, complete;
    uint32_t run;
    uint8_t stop;
};

static int by_number(const void *a, const void *b)
{
    const struct trit_place *x = a, *y = b;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return (x->stack > y->stack) - (x->stack < y->stack);
}

/* --- the places of a moment --- */

static bool meet_more(struct trit_stacks *s)
{
    const size_t wanted = s->met_slots ? 2 * s->met_slots : 64;
    uint32_t *met = trit_alloc(wanted, sizeof *met);
    if (!met)
        return false;
    for (size_t i = 0; i < s->nwork; i++) {
        size_t slot = trit_place_hash(0, s->work[i]) & (wanted - 1);
        while (met[slot])
            slot = (slot + 1) & (wanted - 1);
        met[slot] = (uint32_t)i + 1;
    }
    free(s->met);
    s->met = met;
    s->met_slots = wanted;
    return true;
}

/* A place that can be, if it leads to an end within the depth that there is. */
static void meet(struct trit_stacks *s, uint32_t state, uint32_t stack)
{
    const struct trit_place place = { state, stack };
    if (s->depths[stack] + s->net->states[state].height > TRIT_NET_DEPTH)
        return;
    if (2 * (s->nwork + 1) > s->met_slots && !meet_more(s)) {
        s->failed = true;
        return;
    }
    size_t slot = trit_place_hash(0, place) & (s->met_slots - 1);
    for (; s->met[slot]; slot = (slot + 1) & (s->met_slots - 1)) {
        const struct trit_place *other = &s->work[s->met[slot] - 1];
        if (other->state == state && other->stack == stack)
            return;
    }
    if (!trit_grow(&s->work, &s->work_room, s->nwork + 1, sizeof *s->work)) {
        s->failed = true;
        return;
    }
    s->work[s->nwork++] = place;
    s->met[slot] = (uint32_t)s->nwork;
}

static void add_caller(struct trit_stacks *s, uint32_t rule, struct trit_place place)
{
    if (s->depths[place.stack] + s->net->states[place.state].height > TRIT_NET_DEPTH)
        return;
    if (!trit_grow(&s->callers, &s->callers_room, s->ncallers + 1, sizeof *s->callers)) {
        s->failed = true;
        return;
    }
    if (!s->calls[rule])
        s->due[s->ndue++] = rule;
    s->callers[s->ncallers++] = (struct caller){ place, s->calls[rule] };
    s->calls[rule] = (uint32_t)s->ncallers;
}

/* A call as the last thing of a rule goes back where the rule would. */
static void call(struct trit_stacks *s, const struct trit_arc *arc, uint32_t stack)
{
    const struct trit_state *to = &s->net->states[arc->to];
    if (!to->end || to[1].first != to[0].first || !stack) {
        add_caller(s, arc->rule, (struct trit_place){ arc->to, stack });
        return;
    }
    for (size_t i = s->stacks.at[stack]; i < s->stacks.at[stack + 1]; i++)
        add_caller(s, arc->rule, s->stacks.places[i]);
}

/* What can be reached from a place without a byte. */
static void expand(struct trit_stacks *s, struct trit_place place)
{
    const struct trit_state *state = &s->net->states[place.state];
    if (state->stop && state->run >= s->run && s->depths[place.stack] < TRIT_NET_DEPTH) {
        s->run = state->run;
        s->stop = state->stop;
    }
    if (state->end && !place.stack)
        s->complete = true;
    if (state->end && place.stack)
        for (size_t i = s->stacks.at[place.stack]; i < s->stacks.at[place.stack + 1]; i++)
            meet(s, s->stacks.places[i].state, s->stacks.places[i].stack);
    for (uint32_t i = state[0].first; i < state[1].first; i++) {
        const struct trit_arc *arc = &s->net->arcs[i];
        if (arc->kind == TRIT_ARC_FREE)
            meet(s, arc->to, place.stack);
        else if (arc->kind == TRIT_ARC_CALL)
            call(s, arc, place.stack);
    }
}

/* The stack of the callers of a rule, all of which are known; false: no memory. */
static bool stack_of(struct trit_stacks *s, uint32_t rule, uint32_t *stack)
{
    size_t n = 0, kept = 0;
    unsigned depth = TRIT_NET_DEPTH;
    for (uint32_t i = s->calls[rule]; i; i = s->callers[i - 1].other) {
        if (!trit_grow(&s->sorted, &s->sorted_room, n + 1, sizeof *s->sorted))
            return false;
        s->sorted[n++] = s->callers[i - 1].place;
    }
    s->calls[rule] = 0;
    qsort(s->sorted, n, sizeof *s->sorted, by_number);
    for (size_t i = 0; i < n; i++)
        if (!i || by_number(&s->sorted[i], &s->sorted[kept - 1]))
            s->sorted[kept++] = s->sorted[i];
    for (size_t i = 0; i < kept; i++)
        depth = s->depths[s->sorted[i].stack] < depth ? s->depths[s->sorted[i].stack] : depth;
    if (!trit_lists_intern(&s->stacks, s->sorted, kept, NULL, false, stack) ||
        !trit_grow(&s->depths, &s->depths_room, s->stacks.n, sizeof *s->depths))
        return false;
    s->depths[*stack] = (uint8_t)(depth + 1);
    return true;
}

/* Of the rules that were called, the one that none of the others may call: its number in due. */
static size_t lowest(const struct trit_stacks *s)
{
    size_t best = 0;
    for (size_t i = 1; i < s->ndue; i++)
        if (s->net->rules[s->due[i]].rank < s->net->rules[s->due[best]].rank)
            best = i;
    return best;
}

/* Goes on from the places in work until nothing is left; false: no memory. */
static bool close_places(struct trit_stacks *s)
{
    for (size_t done = 0;;) {
        while (done < s->nwork && !s->failed)
            expand(s, s->work[done++]);
        if (s->failed || !s->ndue)
            return !s->failed;
        const size_t at = lowest(s);
        const uint32_t rule = s->due[at];
        uint32_t stack;
        s->due[at] = s->due[--s->ndue];
        if (!stack_of(s, rule, &stack))
            return false;
        meet(s, s->net->rules[rule].entry, stack);
    }
}

static void begin(struct trit_stacks *s)
{
    s->nwork = s->ncallers = s->run = 0;
    s->stop = 0;
    s->complete = s->failed = false;
}

static void forget(struct trit_stacks *s)
{
    for (size_t i = 0; i < s->ndue; i++)
        s->calls[s->due[i]] = 0;
    s->ndue = 0;
    if (s->met)
        memset(s->met, 0, s->met_slots * sizeof *s->met);
}

/* The number of the places in work, of which those stay from which bytes lead on. */
static bool settle(struct trit_stacks *s, uint32_t *number)
{
    const struct trit_grammar *net = s->net;
    const size_t before = s->sets.n;
    size_t n = 0;
    for (size_t i = 0; i < s->nwork; i++) {
        const uint32_t first = net->states[s->work[i].state].first;
        if (first < net->states[s->work[i].state + 1].first &&
            net->arcs[first].kind == TRIT_ARC_BYTES)
            s->work[n++] = s->work[i];
    }
    if (n)
        qsort(s->work, n, sizeof *s->work, by_number);
    s->spent += s->nwork;
    if (before >= MOST_SETS || n > MOST_PLACES ||
        !trit_grow(&s->known, &s->known_room, before + 1, sizeof *s->known) ||
        !trit_grow(&s->next, &s->next_room, (before + 1) * net->nclasses, sizeof *s->next) ||
        !trit_lists_intern(&s->sets, s->work, n, s->known, s->complete, number))
        return false;
    if (*number == before) {
        s->known[before] = (struct trit_set){ s->run, s->stop, s->complete };
        memset(s->next + before * net->nclasses, 0, net->nclasses * sizeof *s->next);
    }
    return true;
}

/* --- for callers --- */

uint32_t trit_stacks_step(struct trit_stacks *s, uint32_t from, uint8_t byte)
{
    const struct trit_grammar *net = s->net;
    const size_t at = (size_t)from * net->nclasses + net->class[byte];
    uint32_t to = s->next[at];
    if (to)
        return to;
    if (s->spent > MOST_WORK)
        return TRIT_STACKS_NONE;
    begin(s);
    for (size_t i = s->sets.at[from]; i < s->sets.at[from + 1]; i++) {
        const struct trit_place place = s->sets.places[i];
        for (uint32_t j = net->states[place.state].first;
             j < net->states[place.state + 1].first && net->arcs[j].kind == TRIT_ARC_BYTES; j++)
            if (byte >= net->arcs[j].low && byte <= net->arcs[j].high)
                meet(s, net->arcs[j].to, place.stack);
    }
    const bool good = close_places(s) && settle(s, &to);
    forget(s);
    if (good)
        s->next[at] = to;
    return good ? to : TRIT_STACKS_NONE;
}

void trit_stacks_rest(struct trit_stacks *s)
{
    s->spent = 0;
}

bool trit_stacks_complete(const struct trit_stacks *s, uint32_t at)
{
    return s->known[at].complete;
}

bool trit_stacks_passes(const struct trit_stacks *s, uint32_t at, uint8_t below, uint8_t longest)
{
    const struct trit_set *set = &s->known[at];
    return set->stop && !(set->stop & below) &&
           (longest < 255 ? longest <= set->run : set->run == UINT32_MAX);
}

/* Sets 0, which is none, 1, which leads nowhere, and 2, where a text begins. */
static bool make_first(struct trit_stacks *s)
{
    static const struct trit_place none = { UINT32_MAX, 0 };
    uint32_t number;
    if (!trit_lists_intern(&s->stacks, NULL, 0, NULL, false, &number) ||
        !trit_grow(&s->depths, &s->depths_room, 1, sizeof *s->depths) ||
        !trit_grow(&s->known, &s->known_room, 1, sizeof *s->known) ||
        !trit_lists_intern(&s->sets, &none, 1, s->known, false, &number))
        return false;
    s->depths[0] = 0;
    s->known[0] = (struct trit_set){ 0 };
    begin(s);
    if (!settle(s, &number))
        return false;
    meet(s, s->net->rules[0].entry, 0);
    const bool good = close_places(s) && settle(s, &number);
    forget(s);
    return good;
}

struct trit_stacks *trit_stacks_create(const struct trit_grammar *grammar)
{
    struct trit_stacks *s = trit_alloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->net = grammar;
    s->calls = trit_alloc(grammar->nrules, sizeof *s->calls);
    s->due = trit_alloc(grammar->nrules, sizeof *s->due);
    if (s->calls && s->due && make_first(s))
        return s;
    trit_stacks_free(s);
    return NULL;
}

void trit_stacks_free(struct trit_stacks *s)
{
    if (!s)
        return;
    trit_lists_free(&s->stacks);
    trit_lists_free(&s->sets);
    free(s->depths);
    free(s->known);
    free(s->next);
    free(s->work);
    free(s->met);
    free(s->callers);
    free(s->calls);
    free(s->due);
    free(s->sorted);
    free(s);
}

/* --- forgetting --- */

/* A copy of the stacks that `live` marks, which becomes their new numbers, + 1; false: no memory.
 */
static bool copy_stacks(struct trit_stacks *to, const struct trit_stacks *s, uint32_t *live)
{
    live[0] = 1;
    for (size_t i = 1; i < s->stacks.n; i++) {
        const size_t n = trit_lists_length(&s->stacks, i);
        if (!live[i])
            continue;
        if (!trit_grow(&to->sorted, &to->sorted_room, n, sizeof *to->sorted))
            return false;
        for (size_t j = 0; j < n; j++) {
            const struct trit_place p = s->stacks.places[s->stacks.at[i] + j];
            to->sorted[j] = (struct trit_place){ p.state, live[p.stack] - 1 };
        }
        uint32_t number;
        if (!trit_lists_intern(&to->stacks, to->sorted, n, NULL, false, &number) ||
            !trit_grow(&to->depths, &to->depths_room, to->stacks.n, sizeof *to->depths))
            return false;
        to->depths[number] = s->depths[i];
        live[i] = number + 1;
    }
    return true;
}

/* A set, and the stacks that it needs; false: no memory. */
static bool copy_set(struct trit_stacks *to, const struct trit_stacks *s, uint32_t at,
                     uint32_t *number)
{
    const struct trit_place *places = s->sets.places + s->sets.at[at];
    const size_t n = trit_lists_length(&s->sets, at);
    uint32_t *live = trit_alloc(s->stacks.n, sizeof *live);
    if (!live)
        return false;
    for (size_t i = 0; i < n; i++)
        live[places[i].stack] = 1;
    for (size_t i = s->stacks.n; i-- > 1;)
        for (size_t j = s->stacks.at[i]; live[i] && j < s->stacks.at[i + 1]; j++)
            live[s->stacks.places[j].stack] = 1;
    bool good =
        copy_stacks(to, s, live) && trit_grow(&to->work, &to->work_room, n, sizeof *to->work);
    begin(to);
    for (; good && to->nwork < n; to->nwork++) {
        const struct trit_place p = places[to->nwork];
        to->work[to->nwork] = (struct trit_place){ p.state, live[p.stack] - 1 };
    }
    to->complete = s->known[at].complete;
    to->run = s->known[at].run;
    to->stop = s->known[at].stop;
    free(live);
    return good && settle(to, number);
}

bool trit_stacks_trim(struct trit_stacks *s, uint32_t *at)
{
    uint32_t number;
    if (s->sets.n < TRIM_SETS && s->stacks.at[s->stacks.n] < TRIM_PLACES)
        return false;
    struct trit_stacks *fresh = trit_stacks_create(s->net);
    const bool good = fresh && copy_set(fresh, s, *at, &number);
    if (good) {
        const struct trit_stacks old = *s;
        *s = *fresh;
        *fresh = old;
        *at = number;
    }
    trit_stacks_free(fresh);
    return good;
}
