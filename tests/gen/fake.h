/* A model and a tokenizer that stand in for the real ones, so that tests of the engine are exact and fast. The keys and
 * values of a position are a hash of all tokens up to it, computed from those of the position before; the logits are
 * drawn from that hash. A wrong token, a wrong position or a prefix that is not really shared changes every later
 * token. Writing a position forgets all that stand behind it. */
#ifndef LOAM_TESTS_GEN_FAKE_H
#define LOAM_TESTS_GEN_FAKE_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    FAKE_N_VOCAB = 300, /* 0..255: the byte (0: "0"); 256: end of text; 257..: see fake_pieces */
    FAKE_END = 256,
    FAKE_CONTROL = 257, /* shown only on demand */
};

/* What the model under test saw; set to 0 by fake_reset. */
typedef struct fake_record {
    atomic_int steps, copies, computed_tokens;
    atomic_int most_tokens, most_spans; /* in one step */
    atomic_int most_prompt_tokens;      /* tokens in one step in spans of more than one */
    atomic_int mixed_steps;             /* an answer's token and a prompt's chunk in one step */
    atomic_int bad_steps;               /* calls that break the contract of model.h */
    /* set by tests */
    atomic_int fail_step; /* the step of this number (from 1) fails; 0: none */
    atomic_int step_us;   /* how long a step takes at least */
    atomic_int end_rate;  /* how likely the end of text is: its logit; 0: never */
    atomic_int gate;      /* 1: steps wait until it is 0 */
} fake_record;

extern fake_record fake;
void fake_reset(void);
/* The logits after n tokens of one sequence. */
void fake_logits(const int32_t *tokens, int n, float logits[FAKE_N_VOCAB]);

#endif
