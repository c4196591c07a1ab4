/* score MODEL TEXT: how likely the model finds a text: the logarithm of each token's probability.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tritmill.h>

/* ln of the probability that a row of logits gives a token. */
static double logprob(const float *row, size_t vocab, int32_t token)
{
    double sum = 0;
    for (size_t i = 0; i < vocab; i++)
        sum += exp(row[i] - row[token]);
    return -log(sum);
}

int main(int argc, char **argv)
{
    struct trit_lm_error error = { .text = "usage: score MODEL TEXT" };
    struct trit_lm_facts facts = { .size = sizeof facts };
    struct trit_lm *lm = NULL;
    struct trit_lm_context *context = NULL;
    struct trit_lm_tokens tokens = { .n = 0 };
    const float *rows;
    size_t bytes;
    double sum = 0;

    int failed = argc != 3 || trit_lm_open(&lm, argv[1], NULL, &error) ||
                 trit_lm_tokenize(lm, argv[2], strlen(argv[2]), TRIT_LM_BOS, &tokens, &error) ||
                 trit_lm_context_create(&context, lm, 0, &error) ||
                 trit_lm_eval(context, tokens.ids, tokens.n, TRIT_LM_ALL, &rows, &error);
    if (!failed)
        trit_lm_facts(lm, &facts);
    for (size_t i = 1; !failed && i < tokens.n; i++) {
        const double ln = logprob(rows + (i - 1) * facts.vocab, facts.vocab, tokens.ids[i]);
        const char *text = trit_lm_token_text(lm, tokens.ids[i], true, &bytes);
        printf("%8.4f %.*s\n", ln, (int)bytes, text);
        sum += ln;
    }
    if (failed)
        fprintf(stderr, "score: %s\n", error.text);
    else
        printf("%8.4f in all\n", sum);
    trit_lm_context_free(context);
    trit_lm_free(tokens.ids);
    trit_lm_close(lm);
    return failed;
}
