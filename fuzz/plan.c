/* The checker reads plans that anybody may have written: any bytes are either refused in a sentence or checked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char scenario[] =
    "name: tiny\nheadquarters: DE\nstart: 2026-01\nmonths: 4\nblocks: 2\norder_every: 1\n"
    "regions: [{name: here, country: DE, power_mw: 2}]\n"
    "origins: [{name: people, country: DE}]\n"
    "services: [{name: talk, model: Llama-3.1-8B, tokens_in: 900, tokens_out: 200, demand: 2 M}]\n"
    "trainings: [{name: run, params: 1G, tokens: 20G, context: 2048, layers: 16, hidden: 2048,"
    " start: 2026-02, deadline: 2026-04}]\n"
    "chips: [H100, L40S]\n"
    "supplies: [{name: shop, chip: H100, lead_months: 1}]\n"
    "rents: [{name: cloud, provider: x, provider_hq: US, region: here, chip: L40S,"
    " usd_per_chip_hour: 1, available: 9}]\n"
    "budgets: [{name: all, usd: 1 bn}]\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static loam_scenario *s;
    loam_err err = LOAM_ERR_INIT;
    loam_buf report;
    int n;
    if (!s && loam_scenario_parse("fuzz.yaml", scenario, strlen(scenario), NULL, 0, &s, &err) != LOAM_OK)
        abort();
    loam_buf_init(&report, 1 << 22);
    loam_status status = loam_plan_check(s, (const char *)data, size, &report, &n, &err);
    if (status != LOAM_OK && !err.msg[0])
        abort();
    loam_buf_deinit(&report);
    return 0;
}
