/* Log-probabilities of tokens, as OpenAI's API reports them: of the model's own distribution, before any sampling
 * parameter. */
#include "gen/gen_int.h"

#include <math.h>

#include "gen/candidates.h"

static float logprob(float logit, double log_sum)
{
    if (isinf(log_sum)) /* only infinities count then */
        return logit == (float)log_sum ? 0 : -INFINITY;
    return isnan(logit) ? -INFINITY : (float)((double)logit - log_sum);
}

void loam_logprobs_get(const float *logits, size_t n_vocab, int32_t id, int n_top, loam_logprobs *out)
{
    *out = (loam_logprobs){0};
    double log_sum = loam_logits_log_sum_exp(logits, n_vocab);
    out->chosen.id = id;
    out->chosen.logprob = logprob(logits[id], log_sum);
    if (n_top > LOAM_JOB_MAX_LOGPROBS)
        n_top = LOAM_JOB_MAX_LOGPROBS;
    float best[LOAM_JOB_MAX_LOGPROBS];
    int n = 0;
    for (size_t i = 0; i < n_vocab && n_top > 0; i++) {
        float l = logits[i];
        if (isnan(l) || (n == n_top && l <= best[n - 1]))
            continue;
        int at = n < n_top ? n++ : n - 1;
        for (; at > 0 && best[at - 1] < l; at--) {
            best[at] = best[at - 1];
            out->top[at] = out->top[at - 1];
        }
        best[at] = l;
        out->top[at] = (loam_token_logprob){(int32_t)i, logprob(l, log_sum)};
    }
    out->n_top = n;
}
