/* Byte-pair merging: a linked list of symbols and a heap of the merges that are possible in it. */
#include <stdlib.h>

#include "runtime/text/internal.h"

enum { WAYS = 4 }; /* children of a heap entry: half the depth of two, the same cache lines */

bool trit_bpe_reserve(struct trit_bpe *bpe, size_t n)
{
    if (n <= bpe->room)
        return true;
    size_t room = 256;
    while (room < n)
        room *= 2;
    trit_bpe_free(bpe);
    /* The heap holds n - 1 entries at first, and each merge takes one and adds at most two. n <
     * 2^31: nothing wraps. */
    bpe->nodes = malloc(room * sizeof *bpe->nodes);
    bpe->heap = malloc(2 * room * sizeof *bpe->heap);
    if (!bpe->nodes || !bpe->heap)
        return false;
    bpe->room = room;
    return true;
}

void trit_bpe_free(struct trit_bpe *bpe)
{
    free(bpe->nodes);
    free(bpe->heap);
    *bpe = (struct trit_bpe){ 0 };
}

/* The heap's entries are rank << 32 | position, so that the smallest is the one to do next. */
static void push(struct trit_bpe *bpe, uint64_t entry)
{
    uint64_t *heap = bpe->heap;
    size_t i = bpe->nheap++;
    for (; i > 0 && heap[(i - 1) / WAYS] > entry; i = (i - 1) / WAYS)
        heap[i] = heap[(i - 1) / WAYS];
    heap[i] = entry;
}

static uint64_t pop(struct trit_bpe *bpe)
{
    uint64_t *heap = bpe->heap, top = heap[0], last = heap[--bpe->nheap];
    size_t i = 0, n = bpe->nheap;
    for (size_t child = 1; child < n; child = WAYS * i + 1) {
        size_t least = child, end = child + WAYS < n ? child + WAYS : n;
        for (size_t k = child + 1; k < end; k++)
            least = heap[k] < heap[least] ? k : least;
        if (heap[least] >= last)
            break;
        heap[i] = heap[least];
        i = least;
    }
    heap[i] = last;
    return top;
}

/* Offers the pair that begins at node i. */
static void offer(struct trit_bpe *bpe, const struct trit_bpe_rules *rules, uint32_t i)
{
    if (i == TRIT_NO_NODE)
        return;
    struct trit_bpe_node *node = &bpe->nodes[i];
    node->rank = node->next == TRIT_NO_NODE ? TRIT_NO_MERGE : rules->rank(rules->context, bpe, i);
    if (node->rank != TRIT_NO_MERGE)
        push(bpe, (uint64_t)node->rank << 32 | i);
}

/* Joins node i, whose pair has this rank, with its right neighbour. */
static void join(struct trit_bpe *bpe, const struct trit_bpe_rules *rules, uint32_t i)
{
    struct trit_bpe_node *nodes = bpe->nodes, *left = &nodes[i], *right = &nodes[left->next];
    left->value = rules->join(rules->context, bpe, i);
    left->next = right->next;
    right->rank = TRIT_NO_MERGE; /* what waits for it in the heap finds nothing */
    if (left->next != TRIT_NO_NODE)
        nodes[left->next].prev = i;
    offer(bpe, rules, left->prev);
    offer(bpe, rules, i);
}

void trit_bpe_merge(struct trit_bpe *bpe, const struct trit_bpe_rules *rules, size_t n)
{
    bpe->nheap = 0;
    for (uint32_t i = 0; i < n; i++) {
        bpe->nodes[i].prev = i ? i - 1 : TRIT_NO_NODE;
        bpe->nodes[i].next = i + 1 < n ? i + 1 : TRIT_NO_NODE;
    }
    for (uint32_t i = 0; i < n; i++)
        offer(bpe, rules, i);
    while (bpe->nheap) {
        const uint64_t entry = pop(bpe);
        const uint32_t i = (uint32_t)entry;
        if (bpe->nodes[i].rank == entry >> 32) /* an entry outlives its pair */
            join(bpe, rules, i);
    }
}
