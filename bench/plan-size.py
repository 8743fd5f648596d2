#!/usr/bin/env python3
"""Writes a scenario of a given size for `loam plan`: how long does it take to a proven gap?

    bench/plan-size.py [--regions 8] [--chips 15] [--months 12] [--services 6] [--blocks 4] [--seed 1] > big.yaml
    loam plan big.yaml

All names and numbers are drawn from the seed; regions have power limits, suppliers have supplies, there are budgets, a
share rule and data rules, as in a real one.
"""
import argparse
import random

COUNTRIES = [("CN", "China"), ("MY", "Malaysia"), ("SG", "Singapore"), ("US", "America"), ("NO", "Norway"),
             ("DE", "Germany"), ("BR", "Brazil"), ("IN", "India")]
OFFSETS = {"CN": 8, "MY": 8, "SG": 8, "US": -6, "NO": 1, "DE": 1, "BR": -3, "IN": 5.5}
CHIPS = ["H100", "H200", "H800", "A100", "A800", "H20", "B200", "L40S", "L20", "MI300X", "Ascend-910B1", "Ascend-910B2",
         "Ascend-910B3", "Ascend-910C", "MLU590"]
MODELS = ["Llama-3.1-8B", "Llama-3.3-70B", "Qwen3-235B-A22B", "Llama-3.3-70B"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("regions", 8), ("chips", 15), ("months", 12), ("services", 6), ("blocks", 4), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=default)
    a = parser.parse_args()
    r = random.Random(a.seed)
    chips = CHIPS[:a.chips]
    places = [(f"site-{i}", *COUNTRIES[i % len(COUNTRIES)]) for i in range(a.regions)]
    print(f"name: size\nheadquarters: SG\ngoal: most-served\nstart: 2026-01\nmonths: {a.months}\norder_every: 3\n"
          f"blocks: {a.blocks}\nregions:")
    for name, country, _ in places:
        print(f"  - {{name: {name}, country: '{country}', power_mw: {r.randint(20, 120)}, "
              f"usd_per_kwh: {r.uniform(0.05, 0.14):.3f}, utc_offset: {OFFSETS[country]}}}")
    print("origins:")
    for i, (name, country, people) in enumerate(places):
        print(f"  - {{name: {people.lower()}-{i}, country: '{country}', utc_offset: {OFFSETS[country]}}}")
    print("services:")
    for i in range(a.services):
        kind = "chat" if i < max(1, a.services - 2) else "image" if i == a.services - 2 else "video"
        demand = ", ".join(f"{p[2].lower()}-{k}: {r.uniform(0.5, 3) * (1e7 if kind == 'chat' else 2e6 if kind == 'image' else 1e4):.0f}"
                           for k, p in enumerate(places))
        if kind == "chat":
            print(f"  - {{name: talk-{i}, model: {MODELS[i % len(MODELS)]}, tokens_in: {r.randint(500, 4000)}, "
                  f"tokens_out: {r.randint(100, 600)}, cache_hit: 40%, growth: 5%, curve: {r.choice(['evening', 'office', 'consumer'])}, "
                  f"n_plus_1: {'true' if i == 0 else 'false'}, demand: {{{demand}}}}}")
        else:
            print(f"  - {{name: {kind}s, kind: {kind}, model: {'SDXL' if kind == 'image' else 'Wan-2.1-14B'}, "
                  f"growth: 5%, demand: {{{demand}}}}}")
    print(f"chips: [{', '.join(chips)}]\nsupplies:")
    for c in chips:
        print(f"  - {{name: '{c}', chip: {c}, lead_months: {r.randint(1, 4)}, per_quarter: {r.randint(50, 900)}}}")
    print("rents:")
    for name, _, _ in places[:4]:
        c = r.choice(chips)
        print(f"  - {{name: '{c} in {name}', provider: cloud, provider_hq: US, region: {name}, chip: {c}, "
              f"usd_per_chip_hour: {r.uniform(1.5, 4):.2f}, term_months: {r.choice([1, 6])}, available: {r.randint(20, 300)}}}")
    print("budgets:\n  - {name: first half, usd: 1.2 bn, until: 2026-07}\n  - {name: year, usd: 3 bn}")
    print(f"shares:\n  - {{name: two makers, group: [{', '.join(chips[9:])}], measure: spend, min: 25%}}" if a.chips > 10 else "")
    print(f"data_rules:\n  - {{name: stays, origins: [{places[0][2].lower()}-0], allow: [{places[0][0]}]}}")


main()
