/* The money of a plan: what a server costs to buy, to rent and to run, when it is paid, and what it is worth at the
 * end. */
#include <math.h>
#include <string.h>

#include "fleet/plan_int.h"

double loam_plan_server_usd(const loam_scenario *s, int chip, const loam_supply *supply)
{
    const loam_fleet_chip *c = &s->chips[chip];
    double usd =
        c->price_usd * c->chip.per_server * (1 + c->server_share) * (1 + c->network_share) * (1 + c->install_share);
    return supply ? usd * supply->price_factor : usd;
}

int loam_plan_pay_month(const loam_scenario *s, int arrives)
{
    return arrives < s->months ? arrives : s->months - 1;
}

double loam_plan_rent_usd(const loam_scenario *s, const loam_rent *rent)
{
    return rent->usd_per_chip_hour * s->chips[rent->chip].chip.per_server * LOAM_FLEET_HOURS_PER_MONTH;
}

double loam_plan_energy_usd(const loam_scenario *s, int region, int chip)
{
    const loam_region *r = &s->regions[region];
    const loam_chip *c = &s->chips[chip].chip;
    double tariff = r->usd_per_kwh;
    for (size_t i = 0; i < r->n_tariffs; i++)
        if (strcmp(r->tariffs[i].vendor, c->vendor) == 0)
            tariff = r->tariffs[i].usd_per_kwh;
    return c->server_kw * LOAM_FLEET_LOAD_FACTOR * r->pue * tariff * LOAM_FLEET_HOURS_PER_MONTH;
}

double loam_plan_colo_usd(const loam_scenario *s, int region, int chip)
{
    return s->regions[region].colo_usd_per_kw_month * s->chips[chip].chip.server_kw;
}

double loam_plan_discount(const loam_scenario *s, int month)
{
    return pow(1 + s->discount, -month / 12.0);
}

double loam_plan_residual(const loam_scenario *s, int arrives)
{
    int age = arrives < s->months ? s->months - arrives : 0;
    double left = 1 - (1 - s->residual) * age / s->life_months;
    return left > s->residual ? left : s->residual;
}

double loam_plan_chips_per_load(const loam_scenario *s, const loam_replica *r, int service)
{
    const loam_service *v = &s->services[service];
    return (1 + v->spare) * r->chips / (r->requests_per_s * v->utilisation);
}

double loam_plan_carbon_t(const loam_scenario *s, const loam_plan *p)
{
    double kg = 0;
    for (size_t i = 0; i < p->n_stock; i++) {
        const loam_region *r = &s->regions[p->stock[i].region];
        kg +=
            p->stock[i].power_kw * LOAM_FLEET_LOAD_FACTOR * r->pue * LOAM_FLEET_HOURS_PER_MONTH * r->carbon_kg_per_kwh;
    }
    return kg / 1000;
}
