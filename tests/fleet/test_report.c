/* Reports of a plan: what a reader of the JSON, the tables, the terminal or the page would see wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "eyes.h"
#include "fixture_plan.h"
#include "fleet/report_int.h"
#include "fleet/report_svg.h"
#include "format/json.h"
#include "markup.h"

enum { MAX_REPORT = 16 << 20 };

static loam_buf json_of(fixture *f)
{
    loam_buf b;
    loam_buf_init(&b, MAX_REPORT);
    assert_true(loam_plan_json(&f->scenario, &f->plan, &f->doubt, &b));
    return b;
}

/* Everything that a person may want to look at, into the folder LOAM_REPORT_DIR, if it is set. */
static void keep(const char *name, const loam_buf *b)
{
    const char *folder = getenv("LOAM_REPORT_DIR");
    if (!folder)
        return;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(b->data, 1, b->len, file);
    fclose(file);
}

/* ---- numbers for people */

static void figures(void **state)
{
    static const struct {
        double x;
        const char *usd, *count, *scaled;
    } rows[] = {{0, "0 USD", "0", "0"},
                {3.4, "3.4 USD", "3.4", "3.4"},
                {12300, "12,300 USD", "12,300", "12,300"},
                {999499, "999,000 USD", "999,499", "999,000"},
                {999999, "1 M USD", "999,999", "1 M"},
                {1.2e9, "1.2 bn USD", "1,200,000,000", "1.2 bn"},
                {-3.456e8, "-346 M USD", "-345,600,000", "-346 M"},
                {9.996e9, "10 bn USD", "9,996,000,000", "10 bn"},
                {4.1e13, "41 tn USD", "41 tn", "41 tn"},
                {0.0421, "0.0421 USD", "0.0421", "0.0421"},
                {INFINITY, "no limit", "no limit", "no limit"},
                {NAN, "unknown", "unknown", "unknown"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(loam_figure_usd(rows[i].x).text, rows[i].usd);
        assert_string_equal(loam_figure_count(rows[i].x).text, rows[i].count);
        assert_string_equal(loam_figure_scaled(rows[i].x).text, rows[i].scaled);
    }
    assert_string_equal(loam_figure_share(1).text, "100 %");
    assert_string_equal(loam_figure_share(0).text, "0 %");
    assert_string_equal(loam_figure_share(.003).text, "0.3 %");
    assert_string_equal(loam_figure_share(.9999).text, "99.99 %");
    assert_string_equal(loam_figure_share(.00004).text, "0.004 %");
    assert_string_equal(loam_figure_share(-.125).text, "-12.5 %");
    assert_string_equal(loam_figure_kw(12400).text, "12.4 MW");
    assert_string_equal(loam_figure_kw(380).text, "380 kW");
    assert_string_equal(loam_figure_kw(2.5e6).text, "2.5 GW");
    assert_string_equal(loam_figure_seconds(.028).text, "28 ms");
    assert_string_equal(loam_figure_seconds(1.44).text, "1.44 s");
    assert_string_equal(loam_figure_seconds(100).text, "100 s");
    assert_string_equal(loam_figure_seconds(840).text, "14 min");
}

/* ---- JSON */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text)
        fail_msg("no text \"%s\"", key);
    return text;
}

static double number_at(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_number(v))
        fail_msg("no number \"%s\"", key);
    return json_number_value(v);
}

/* Keys in the order that docs promise, nothing more and nothing less. */
static void has_keys(json_t *object, const char *keys)
{
    loam_buf got;
    loam_buf_init(&got, 4096);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) loam_buf_printf(&got, "%s%s", got.len ? " " : "", key);
    assert_string_equal(loam_buf_text(&got), keys);
    loam_buf_deinit(&got);
}

static json_t *parsed(const loam_buf *b)
{
    json_t *v;
    loam_err err = LOAM_ERR_INIT;
    if (loam_json_parse(b->data, b->len, MAX_REPORT, &v, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return v;
}

static void json_tells_all(void **state)
{
    fixture f;
    fixture_init(&f);
    loam_buf b = json_of(&f);
    keep("plan.json", &b);
    json_t *v = parsed(&b);
    has_keys(
        v, "format scenario status gap bound objective seconds served_share served_bound cost orders rents stock work "
           "flow unserved training limits spend replicas refusals conflict repairs doubt");
    const json_t *doubt = json_object_get(v, "doubt");
    assert_true(number_at(doubt, "regret_mean") == f.doubt.regret_mean);
    assert_int_equal(json_array_size(json_object_get(doubt, "futures")), f.doubt.n_futures);
    assert_int_equal(json_array_size(json_object_get(doubt, "flips")), f.doubt.n_flips);
    assert_string_equal(text_at(json_array_get(json_object_get(doubt, "flips"), 0), "what"), f.doubt.flips[0].what);
    assert_string_equal(text_at(v, "format"), "loam-plan-1");
    assert_string_equal(text_at(v, "scenario"), "three-regions");
    assert_string_equal(text_at(v, "status"), "optimal");
    /* the very same doubles */
    assert_true(number_at(v, "gap") == f.plan.gap);
    assert_true(number_at(v, "bound") == f.plan.bound);
    json_t *cost = json_object_get(v, "cost");
    has_keys(cost, "capex rent energy colo opex duty residual total");
    assert_true(number_at(cost, "total") == f.plan.cost.total);
    static const struct {
        const char *table, *keys;
    } rows[] = {{"orders", "supply region chip month date arrives servers usd verdict"},
                {"rents", "offer region chip month date until servers usd"},
                {"stock", "region chip month date owned rented busy spare training power_kw"},
                {"work", "service region chip month date block load"},
                {"flow", "service origin region month date block load"},
                {"unserved", "service origin month date block load demand"},
                {"training", "training region chip month date chip_months"},
                {"limits", "name unit used limit binds worth"},
                {"spend", "month date region capex rent running"},
                {"replicas", "service chip feasible why_not chips weight_bits batch ttft_s tpot_s latency_s "
                             "requests_per_s binds"},
                {"refusals", "what why"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        has_keys(json_array_get(json_object_get(v, rows[i].table), 0), rows[i].keys);
    json_t *order = json_array_get(json_object_get(v, "orders"), 5);
    assert_string_equal(text_at(order, "supply"), "nvidia H20");
    assert_string_equal(text_at(order, "region"), "johor");
    assert_string_equal(text_at(order, "chip"), "H20-SXM-96GB");
    assert_string_equal(text_at(order, "date"), "2025-04");
    assert_string_equal(text_at(order, "verdict"), "case-by-case");
    assert_int_equal(json_integer_value(json_object_get(order, "servers")), 110);
    assert_int_equal(json_array_size(json_object_get(v, "orders")), f.plan.n_orders);
    /* one load of the fixture is 0 */
    json_t *work = json_object_get(v, "work"), *spend = json_object_get(v, "spend");
    assert_int_equal(json_array_size(work), f.plan.n_work - 1);
    double sum = 0, given = 0;
    for (size_t i = 0; i < json_array_size(work); i++)
        sum += number_at(json_array_get(work, i), "load");
    for (size_t i = 0; i < f.plan.n_work; i++)
        given += f.plan.work[i].load;
    assert_true(sum == given);
    assert_int_equal(json_array_size(spend), 36);
    json_t *april = json_array_get(spend, 3 * 3 + JOHOR);
    assert_string_equal(text_at(april, "date"), "2025-04");
    assert_string_equal(text_at(april, "region"), "johor");
    assert_true(number_at(april, "capex") == f.plan.spend[(3 * 3 + JOHOR) * 3]);
    json_t *replica = json_array_get(json_object_get(v, "replicas"), CHAT * 4 + H20);
    assert_string_equal(text_at(replica, "service"), "chat");
    assert_string_equal(text_at(replica, "chip"), "H20-SXM-96GB");
    assert_string_equal(text_at(replica, "binds"), "memory");
    json_decref(v);
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

/* What JSON cannot say is null, and an empty plan is still an object with every list. */
static void json_of_nothing(void **state)
{
    fixture f;
    fixture_init(&f);
    fixture_infeasible(&f);
    loam_buf b = json_of(&f);
    json_t *v = parsed(&b);
    assert_string_equal(text_at(v, "status"), "infeasible");
    assert_true(json_is_null(json_object_get(v, "gap")));
    assert_true(json_is_null(json_object_get(v, "bound")));
    assert_int_equal(json_array_size(json_object_get(v, "orders")), 0);
    assert_int_equal(json_array_size(json_object_get(v, "conflict")), 3);
    assert_string_equal(json_string_value(json_array_get(json_object_get(v, "repairs"), 0)),
                        "raise budget china by 38 M USD");
    json_decref(v);
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

/* Names with quotes, tags, line breaks and escapes of terminals. */
static const char HOSTILE[] = "<script>alert(1)</script>\"',&\r\n\x1b[2J=1+1";
static void make_hostile(fixture *f)
{
    loam_scenario *s = &f->scenario;
    s->name = s->title = s->note = s->hq = HOSTILE;
    for (size_t i = 0; i < s->n_regions; i++)
        s->regions[i].name = s->regions[i].owner = s->regions[i].country = HOSTILE;
    for (size_t i = 0; i < s->n_origins; i++)
        s->origins[i].name = HOSTILE;
    for (size_t i = 0; i < s->n_services; i++)
        s->services[i].name = s->models[i].name = HOSTILE;
    for (size_t i = 0; i < s->n_chips; i++) {
        loam_chip *c = &s->chips[i].chip;
        c->name = c->vendor = c->source = c->certainty = HOSTILE;
        s->supplies[i].name = HOSTILE;
    }
    s->trainings[0].name = s->budgets[0].name = s->rents[0].name = s->rents[0].provider = HOSTILE;
    static struct loam_source source = {HOSTILE, HOSTILE, HOSTILE};
    s->sources = &source;
    s->n_sources = 1;
    for (size_t i = 0; i < f->plan.n_limits; i++)
        f->plan.limits[i].name = f->plan.limits[i].unit = HOSTILE;
    for (size_t i = 0; i < f->plan.n_refusals; i++)
        f->plan.refusals[i].what = f->plan.refusals[i].why = HOSTILE;
    for (size_t i = 0; i < f->doubt.n_flips; i++)
        f->doubt.flips[i].what = HOSTILE;
    for (size_t i = 0; i < s->n_services * s->n_chips; i++) {
        snprintf(f->plan.replicas[i].why_not, sizeof f->plan.replicas[i].why_not, "%s", HOSTILE);
        f->plan.replicas[i].binds = HOSTILE;
    }
}

static void json_of_hostile_names(void **state)
{
    fixture f;
    fixture_init(&f);
    make_hostile(&f);
    loam_buf b = json_of(&f);
    json_t *v = parsed(&b);
    assert_string_equal(text_at(v, "scenario"), HOSTILE);
    assert_string_equal(text_at(json_array_get(json_object_get(v, "orders"), 0), "region"), HOSTILE);
    json_decref(v);
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

/* ---- CSV: a strict reader of RFC 4180 */

typedef struct csv {
    char *cells[64][16];
    int rows, columns[64];
    char space[1 << 18];
} csv;

static void read_csv(const char *at, csv *c)
{
    char *put = c->space;
    c->rows = 0;
    while (*at) {
        int n = 0;
        for (bool more = true; more; n++) {
            char *cell = put;
            if (*at == '"') {
                for (at++; *at != '"' || at[1] == '"'; at++) {
                    assert_true(*at);
                    at += *at == '"';
                    *put++ = *at;
                }
                at++;
            } else {
                while (*at && !strchr(",\r\n\"", *at))
                    *put++ = *at++;
            }
            *put++ = 0;
            assert_true(put < c->space + sizeof c->space);
            more = *at == ',';
            at += more;
            if (c->rows < 64 && n < 16)
                c->cells[c->rows][n] = cell;
        }
        assert_true(at[0] == '\r' && at[1] == '\n');
        at += 2;
        if (c->rows < 64)
            c->columns[c->rows++] = n;
    }
}

static void csv_has_every_table(void **state)
{
    static csv c;
    fixture f;
    fixture_init(&f);
    for (int pass = 0; pass < 2; pass++) {
        for (const char *const *table = loam_report_tables; *table; table++) {
            loam_buf b;
            loam_buf_init(&b, MAX_REPORT);
            assert_true(loam_report_csv(&f.scenario, &f.plan, &f.doubt, *table, &b));
            read_csv(loam_buf_text(&b), &c);
            assert_true(c.rows > 1);
            for (int i = 1; i < c.rows; i++)
                assert_int_equal(c.columns[i], c.columns[0]);
            if (!strcmp(*table, "orders")) {
                assert_string_equal(c.cells[0][0], "supply");
                assert_string_equal(c.cells[6][1], pass ? HOSTILE : "johor");
                assert_string_equal(c.cells[6][4], "2025-04");
                assert_true(strtod(c.cells[6][7], NULL) == f.plan.orders[5].usd);
                assert_string_equal(c.cells[6][8], "case-by-case");
            }
            loam_buf_deinit(&b);
        }
        make_hostile(&f);
    }
    loam_buf b;
    loam_buf_init(&b, 100);
    assert_false(loam_report_csv(&f.scenario, &f.plan, NULL, "order", &b));
    assert_int_equal(b.len, 0);
    fixture_deinit(&f);
}

/* ---- the terminal */

static void says(const loam_buf *b, const char *text)
{
    if (!strstr(loam_buf_text(b), text))
        fail_msg("no \"%s\" in:\n%s", text, loam_buf_text(b));
}

static void says_not(const loam_buf *b, const char *text)
{
    const char *at = strstr(loam_buf_text(b), text);
    if (at)
        fail_msg("\"%s\" in: %.200s", text, at);
}

static loam_buf text_of(fixture *f, bool doubt, int width)
{
    loam_buf b;
    loam_buf_init(&b, MAX_REPORT);
    loam_report_text(&f->scenario, &f->plan, doubt ? &f->doubt : NULL, width, &b);
    assert_false(b.failed);
    return b;
}

static void text_says_what_matters(void **state)
{
    fixture f;
    fixture_init(&f);
    loam_buf b = text_of(&f, true, 100);
    keep("plan.txt", &b);
    says(&b, "Hardware for 2025 in three regions\n");
    says(&b, "proven within 0.3 % of the best possible");
    says(&b, "2025 Q1");
    says(&b, "Ascend-910B2");
    says(&b, "power johor (5.79 MW of 5.8 MW): one more MW serves 0.02 % more of the demand");
    says(&b, "next model: on H100-SXM5-80GB in johor, done in 2025-10 (due by the end of 2025-11)");
    says(&b, "buy H100-SXM5-80GB in mainland: denied");
    says(&b, "without H20: nothing fits any more");
    says(&b, "not legal advice");
    /* the last line */
    const char *last = strrchr(b.data, '.');
    assert_string_equal(last, ".\n");
    loam_buf_deinit(&b);
    /* worth is money when all is served */
    f.plan.served_share = 1;
    f.plan.limits[0].worth = 1180;
    f.plan.limits[1].worth = 41000;
    f.plan.limits[2].worth = .21;
    b = text_of(&f, false, 100);
    says(&b, "one more MW saves 1.18 M USD");
    says(&b, "one more server saves 41,000 USD");
    says(&b, "one more million USD saves 210,000 USD");
    says_not(&b, "futures");
    loam_buf_deinit(&b);
    fixture_infeasible(&f);
    b = text_of(&f, false, 80);
    keep("infeasible.txt", &b);
    says(&b, "nothing fits");
    says(&b, "- share domestic\n");
    says(&b, "1. raise budget china by 38 M USD\n");
    says_not(&b, "What it costs");
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

/* No line is wider than asked, at any width, for any name; nothing steers the terminal. */
static void text_keeps_its_width(void **state)
{
    for (int pass = 0; pass < 3; pass++) {
        fixture f;
        fixture_init(&f);
        if (pass == 1)
            make_hostile(&f);
        if (pass == 2)
            fixture_infeasible(&f);
        for (int width = 50; width <= 200; width += 7) {
            loam_buf b = text_of(&f, true, width);
            int cells = 0;
            for (size_t i = 0; i < b.len; i++) {
                unsigned char c = (unsigned char)b.data[i];
                assert_true(c == '\n' || (c >= 0x20 && c != 0x7F));
                cells = c == '\n' ? 0 : cells + ((c & 0xC0) != 0x80);
                if (cells > width)
                    fail_msg("a line is wider than %d: …%.80s", width, b.data + i - 60);
            }
            loam_buf_deinit(&b);
        }
        fixture_deinit(&f);
    }
}

/* ---- two plans */

static void difference_names_what_changed(void **state)
{
    fixture a, b;
    fixture_init(&a);
    fixture_init(&b);
    /* less in johor from april, nothing in october, one rent more */
    b.plan.orders[6].servers = 140;
    b.plan.orders[9].servers = 0;
    b.plan.rents[1].servers = 75;
    b.plan.cost.capex -= 9e7;
    b.plan.cost.total -= 9e7;
    b.plan.served_share = .91;
    b.plan.limits[0].binds = false;
    b.plan.limits[5].binds = true;
    loam_buf out;
    loam_buf_init(&out, MAX_REPORT);
    loam_report_difference(&a.scenario, &a.plan, &b.scenario, &b.plan, "budgets.china.usd=360e6", &out);
    keep("difference.txt", &out);
    says(&out, "What changes with budgets.china.usd=360e6\n");
    says(&out, "huawei 910B2  mainland  2025-10     300      0  -300\n");
    says(&out, "nvidia H100   johor     2025-04     240    140  -100\n");
    says(&out, "cascade H100  oregon  2025-06      45     75  +30\n");
    says_not(&out, "nvidia L20");
    says(&out, "-90 M USD");
    says(&out, "Binds now, and did not before\n  - power oregon");
    says(&out, "Binds no longer\n  - power johor\n");
    loam_buf_truncate(&out, 0);
    loam_report_difference(&a.scenario, &a.plan, &a.scenario, &a.plan, "nothing", &out);
    says(&out, "The same orders.");
    says(&out, "The same rents.");
    says_not(&out, "Binds");
    loam_buf_truncate(&out, 0);
    fixture_infeasible(&b);
    loam_report_difference(&a.scenario, &a.plan, &b.scenario, &b.plan, "budgets.china.usd=1", &out);
    says(&out, "Now nothing fits: these cannot hold together: budget china, share domestic");
    loam_buf_deinit(&out);
    fixture_deinit(&a);
    fixture_deinit(&b);
}

/* ---- the page */

static loam_buf page_of(fixture *f, bool doubt)
{
    loam_buf b;
    loam_buf_init(&b, MAX_REPORT);
    loam_report_html(&f->scenario, &f->plan, doubt ? &f->doubt : NULL, &b);
    assert_false(b.failed);
    return b;
}

/* The page fetches nothing. */
static void stands_alone(const loam_buf *b)
{
    static const char *const ways[] = {
        "http:", "https:", "url(h", "@import", " src=", "<link", "<img", "<iframe", "fetch("};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        says_not(b, ways[i]);
}

static void page_says_what_matters(void **state)
{
    fixture f;
    fixture_init(&f);
    loam_buf b = page_of(&f, true), again = page_of(&f, true);
    keep("plan.html", &b);
    assert_true(well_formed(&b) > 1000);
    stands_alone(&b);
    assert_int_equal(b.len, again.len);
    assert_memory_equal(b.data, again.data, b.len);
    says(&b, "<h1>Hardware for 2025 in three regions</h1>");
    says(&b, "The plan is proven within 0.3&nbsp;% of the best possible");
    says(&b, "<b>2,820</b><span>servers bought</span>");
    says(&b, "one more MW serves 0.02&nbsp;% more of the demand");
    says(&b, "denied</span><small>R23.a1: TPP 15832 &gt;= 4800 (3.3 x)");
    says(&b, "memory: 671 GB of weights leave room for 30 GB of cache");
    says(&b, "latency target: memory would hold 620, but a token may take 50 ms");
    says(&b, "specs high; price unverified");
    says(&b, "not legal advice");
    says(&b, "How computed.");
    static const char *const parts[] = {"answer", "purchases", "services", "training", "money",    "power",
                                        "limits", "doubt",     "rulings",  "replicas", "refusals", "assumptions"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char section[40], link[40];
        snprintf(section, sizeof section, "<section id=\"%s\"", parts[i]);
        snprintf(link, sizeof link, "href=\"#%s\"", parts[i]);
        says(&b, section);
        says(&b, link);
    }
    loam_buf_deinit(&b);
    loam_buf_deinit(&again);
    /* without doubt, and with everything served, worth is money */
    f.plan.served_share = 1;
    f.plan.limits[0].worth = 1180;
    b = page_of(&f, false);
    well_formed(&b);
    says(&b, "one more MW saves 1.18&nbsp;M&nbsp;USD");
    says_not(&b, "id=\"doubt\"");
    says_not(&b, "href=\"#doubt\"");
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

static void page_of_nothing(void **state)
{
    fixture f;
    fixture_init(&f);
    fixture_infeasible(&f);
    loam_buf b = page_of(&f, false);
    keep("infeasible.html", &b);
    well_formed(&b);
    says(&b, "<li>demand of chat by china</li>");
    says(&b, "<li>lower share domestic from 60 % to 41 %</li>");
    says(&b, "id=\"rulings\"");
    says_not(&b, "id=\"purchases\"");
    says_not(&b, "id=\"money\"");
    loam_buf_deinit(&b);
    /* nothing but a name */
    f.plan.replicas = NULL;
    f.plan.runs = NULL;
    f.plan.n_refusals = 0;
    f.scenario.n_services = f.scenario.n_trainings = f.scenario.n_rents = f.scenario.n_sources = 0;
    f.plan.status = LOAM_PLAN_OPTIMAL;
    b = page_of(&f, false);
    well_formed(&b);
    loam_buf_deinit(&b);
    b = text_of(&f, false, 80);
    says(&b, "Nothing.");
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

/* What people name their things never becomes markup. */
static void page_escapes_names(void **state)
{
    fixture f;
    fixture_init(&f);
    make_hostile(&f);
    loam_buf b = page_of(&f, true);
    keep("hostile.html", &b);
    well_formed(&b);
    stands_alone(&b);
    const char *script = strstr(b.data, "<script");
    assert_non_null(script);
    assert_null(strstr(script + 1, "<script"));
    says_not(&b, "alert(1)</script");
    says(&b, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;,&amp;");
    for (size_t i = 0; i < b.len; i++)
        assert_true(b.data[i] == '\n' || (unsigned char)b.data[i] >= 0x20);
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

/* A report that does not fit says so, and does not crash. */
static void reports_have_limits(void **state)
{
    fixture f;
    fixture_init(&f);
    for (size_t max = 1; max < 200000; max = max * 3 + 1) {
        loam_buf b;
        loam_buf_init(&b, max);
        loam_report_html(&f.scenario, &f.plan, &f.doubt, &b);
        assert_true(b.failed || b.len > 50000);
        loam_buf_deinit(&b);
        loam_buf_init(&b, max);
        assert_true(loam_plan_json(&f.scenario, &f.plan, NULL, &b) == !b.failed);
        loam_buf_deinit(&b);
    }
    fixture_deinit(&f);
}

/* In a plot, what is twice as much is twice as high, and stands on what is below it. */
static void bars_have_the_height_of_their_numbers(void **state)
{
    fixture f;
    fixture_init(&f);
    loam_buf b = page_of(&f, false);
    const char *at = strstr(b.data, "Servers ordered and rented by month, all regions");
    const char *end = strstr(at, "</svg>");
    double base = -1, per_server = -1, stack = -1, last_x = -1;
    int bars = 0;
    while ((at = strstr(at, "<rect class=\"k")) && at < end) {
        double x = strtod(strstr(at, " x=\"") + 4, NULL), y = strtod(strstr(at, " y=\"") + 4, NULL);
        double height = strtod(strstr(at, " height=\"") + 9, NULL);
        double servers = strtod(strstr(strstr(at, "<title>"), ": ") + 2, NULL);
        if (base < 0) {
            base = y + height;
            per_server = height / servers;
        }
        assert_true(servers > 0);
        assert_float_equal(height, per_server * servers, .15);
        assert_float_equal(y + height, x == last_x ? stack : base, .15);
        stack = y;
        last_x = x;
        bars++;
        at++;
    }
    /* ten orders of nine (month, chip) pairs, two rents */
    assert_int_equal(bars, 12);
    loam_buf_deinit(&b);
    fixture_deinit(&f);
}

static void scales_are_round(void **state)
{
    static const struct {
        double most;
        int n;
        double step;
    } rows[] = {{100, 3, 25}, {1, 3, .25}, {920, 3, 250}, {3, 3, 1}, {15, 3, 5}, {0, 3, 1}, {7e9, 3, 2e9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double step = loam_nice_step(rows[i].most, rows[i].n);
        if (fabs(step / rows[i].step - 1) > 1e-9)
            fail_msg("%g in %d steps: %g", rows[i].most, rows[i].n, step);
    }
}

/* ---- colours: the style sheet's, seen by four kinds of eyes */

static void colours_can_be_told_apart(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    char *text;
    size_t len;
    if (loam_file_read(LOAM_SOURCE_ROOT "/src/fleet/report.css", 1 << 20, &text, &len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    for (int theme = 0; theme < 2; theme++) {
        colour paper = colour_of(text, "paper", theme), k[LOAM_PALETTE];
        for (int i = 0; i < LOAM_PALETTE; i++) {
            char name[8];
            snprintf(name, sizeof name, "k%d", i);
            k[i] = colour_of(text, name, theme);
            if (contrast(k[i], paper) < 2.3)
                fail_msg("%s is too near the ground of theme %d", name, theme);
            for (int j = 0; j < i; j++)
                for (int kind = 0; kind < 4; kind++)
                    if (distance(seen(k[i], kind), seen(k[j], kind)) < .09)
                        fail_msg("k%d and k%d look alike in theme %d to eyes %d", i, j, theme, kind);
        }
        static const char *const inks[] = {"ink", "soft", "faint", "bad"};
        for (size_t i = 0; i < sizeof inks / sizeof *inks; i++)
            assert_true(contrast(colour_of(text, inks[i], theme), paper) >= 4.5);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures),
        cmocka_unit_test(json_tells_all),
        cmocka_unit_test(json_of_nothing),
        cmocka_unit_test(json_of_hostile_names),
        cmocka_unit_test(csv_has_every_table),
        cmocka_unit_test(text_says_what_matters),
        cmocka_unit_test(text_keeps_its_width),
        cmocka_unit_test(difference_names_what_changed),
        cmocka_unit_test(page_says_what_matters),
        cmocka_unit_test(page_of_nothing),
        cmocka_unit_test(page_escapes_names),
        cmocka_unit_test(reports_have_limits),
        cmocka_unit_test(bars_have_the_height_of_their_numbers),
        cmocka_unit_test(scales_are_round),
        cmocka_unit_test(colours_can_be_told_apart),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
