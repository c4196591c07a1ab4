/* Byte-pair merging: a linked list of symbols and a heap of the merges that are possible in it. */
#include <stdlib.h>

#include "runtime/text/internal.h"

enum { WAYS = 4 }; /* children of a heap entry: half the depth of two, the same cache lines */

#define NO_NODE UINT32_MAX
#define DEAD    UINT32_MAX /* id of a node that was merged into its left neighbour */

static bool reserve(struct trit_bpe *bpe, size_t n)
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
static void offer(struct trit_bpe *bpe, const struct trit_merges *merges, uint32_t i)
{
    if (i == NO_NODE || bpe->nodes[i].next == NO_NODE)
        return;
    uint32_t rank = trit_merges_find(merges, bpe->nodes[i].id, bpe->nodes[bpe->nodes[i].next].id);
    if (rank != TRIT_NO_MERGE)
        push(bpe, (uint64_t)rank << 32 | i);
}

static void fill(struct trit_bpe *bpe, const struct trit_merges *merges, const int32_t *ids,
                 size_t n)
{
    bpe->nheap = 0;
    for (uint32_t i = 0; i < n; i++)
        bpe->nodes[i] = (struct trit_bpe_node){ (uint32_t)ids[i], i ? i - 1 : NO_NODE,
                                                i + 1 < n ? i + 1 : NO_NODE };
    for (uint32_t i = 0; i < n; i++)
        offer(bpe, merges, i);
}

/* Joins node i with its right neighbour if the pair is still the one that merge names: an entry
 * outlives its pair. */
static void join(struct trit_bpe *bpe, const struct trit_merges *merges,
                 const struct trit_merge *merge, uint32_t i)
{
    struct trit_bpe_node *nodes = bpe->nodes, *left = &nodes[i];
    if (left->id != merge->left || left->next == NO_NODE || nodes[left->next].id != merge->right)
        return;
    struct trit_bpe_node *right = &nodes[left->next];
    left->id = merge->result;
    left->next = right->next;
    right->id = DEAD;
    if (left->next != NO_NODE)
        nodes[left->next].prev = i;
    offer(bpe, merges, left->prev);
    offer(bpe, merges, i);
}

bool trit_bpe_merge(struct trit_bpe *bpe, const struct trit_merges *merges, int32_t *ids, size_t n,
                    size_t *left)
{
    *left = n;
    if (n < 2)
        return true;
    if (!reserve(bpe, n))
        return false;
    fill(bpe, merges, ids, n);
    while (bpe->nheap) {
        uint64_t entry = pop(bpe);
        join(bpe, merges, &merges->list[entry >> 32], (uint32_t)entry);
    }
    *left = 0;
    for (uint32_t i = 0; i != NO_NODE; i = bpe->nodes[i].next)
        ids[(*left)++] = (int32_t)bpe->nodes[i].id;
    return true;
}
