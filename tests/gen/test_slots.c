/* Which slot a prompt gets and what it shares. If this fails, prompts are read again that need not be, or (the limit of
 * n_prompt - 1) a job has no logits to begin with. */
#include "test_gen.h"

#include <stdbool.h>

#include "gen/gen_int.h"

static int32_t text[4][64];
static loam_slot slots[4];
static loam_job busy;

/* Slot i holds n tokens first, first+1, …; busy or idle. */
static void hold(int i, int first, int n, loam_job *job, uint64_t order)
{
    for (int k = 0; k < n; k++)
        text[i][k] = first + k;
    slots[i] = (loam_slot){.job = job, .tokens = text[i], .n_tokens = n, .n_computed = n, .order = order};
    slots[i].n_generated = job ? 1 : 0;
}

static void choosing(void **state)
{
    int32_t prompt[40];
    for (int k = 0; k < 40; k++)
        prompt[k] = k;
    loam_slot_choice c;
    /* it goes on from what slot 2 holds */
    hold(0, 0, 5, NULL, 1), hold(1, 9, 30, NULL, 2), hold(2, 0, 20, NULL, 4), hold(3, 0, 7, &busy, 3);
    assert_true(loam_slots_choose(slots, 4, prompt, 40, &c));
    assert_int_equal(c.to, 2);
    assert_int_equal(c.from, 2);
    assert_int_equal(c.n_shared, 20);
    /* the best prefix is busy: copied to the slot unused for longest */
    hold(3, 0, 30, &busy, 3);
    assert_true(loam_slots_choose(slots, 4, prompt, 40, &c));
    assert_int_equal(c.to, 0);
    assert_int_equal(c.from, 3);
    assert_int_equal(c.n_shared, 30);
    /* the last prompt token is always computed */
    assert_true(loam_slots_choose(slots, 4, prompt, 10, &c));
    assert_int_equal(c.n_shared, 9);
    /* a short common beginning leaves the other conversation alone */
    hold(0, 5, 5, NULL, 1), hold(1, 9, 30, NULL, 2), hold(2, 0, 60, NULL, 4), hold(3, 9, 9, &busy, 3);
    assert_true(loam_slots_choose(slots, 4, prompt, 12, &c));
    assert_int_equal(c.to, 0);
    assert_int_equal(c.from, 2);
    assert_int_equal(c.n_shared, 11);
    for (int i = 0; i < 4; i++)
        hold(i, 0, 3, &busy, 1);
    assert_false(loam_slots_choose(slots, 4, prompt, 12, &c));
}

static void following(void **state)
{
    for (int i = 0; i < 4; i++)
        hold(i, 100 * i + 100, 0, NULL, 1);
    /* 1 and 2 read the same prompt, 1 came first and is on its way */
    hold(1, 0, 50, &busy, 5), hold(2, 0, 50, &busy, 6);
    slots[1].n_generated = slots[2].n_generated = 0;
    slots[1].n_computed = 20, slots[2].n_computed = 0;
    assert_true(loam_slots_follow(slots, 4, 2).wait);
    assert_false(loam_slots_follow(slots, 4, 1).wait);
    assert_int_equal(loam_slots_follow(slots, 4, 1).from, -1);
    slots[1].n_computed = 0;
    assert_true(loam_slots_follow(slots, 4, 2).wait);
    assert_false(loam_slots_follow(slots, 4, 1).wait);
    /* 1 is done: 2 copies all but its last token */
    slots[1].n_computed = 50, slots[1].n_generated = 1;
    loam_slot_wait w = loam_slots_follow(slots, 4, 2);
    assert_false(w.wait);
    assert_int_equal(w.from, 1);
    assert_int_equal(w.n_shared, 49);
    /* 1 was cancelled half-way: what it holds is worth copying, the rest is not waited for */
    slots[1].job = NULL, slots[1].n_generated = 0, slots[1].n_computed = slots[1].n_tokens = 20;
    w = loam_slots_follow(slots, 4, 2);
    assert_false(w.wait);
    assert_int_equal(w.n_shared, 20);
}

test_list slots_tests(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(choosing), cmocka_unit_test(following)};
    return (test_list){tests, sizeof tests / sizeof tests[0]};
}
