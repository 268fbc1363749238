/** deploy/prometheus: what rules ask is there, each alarm says what to do, and promtool agrees that each fires and is silent. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import { documentedMetrics } from "../support/metrics/documented.ts";
import { rowOf, wrongNames } from "../support/metrics/known.ts";
import { namedIn } from "../support/metrics/promql.ts";
import { promtool, WITHOUT_PROMTOOL } from "../support/metrics/promtool.ts";
import { ALARMS, PROMETHEUS, RECORDED, RULE_TESTS, readRuleTests } from "../support/metrics/rules.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const PAGE = readFileSync(join(ROOT, "docs", "observability.md"), "utf8");
const ROW = /^\| <a id="(\w+)"><\/a>`(\w+)` \| (\w+) \| ([\w ]+) \| (.+) \| (.+) \|$/gm;

const alarmOf = (name: string): (typeof ALARMS)[number] => {
  const alarm = ALARMS.find(({ alert }) => alert === name);
  assert.ok(alarm !== undefined, `there is no ${name}`);
  return alarm;
};

describe("the rules", () => {
  test("were found, and have names of their own", () => {
    assert.ok(ALARMS.length > 40 && RECORDED.length > 10);
    for (const names of [ALARMS.map(({ alert }) => alert), RECORDED.map(({ record }) => record)]) {
      assert.equal(new Set(names).size, names.length);
    }
  });

  test("ask only for metrics and labels of docs/metrics.md", () => {
    const wrong = [...ALARMS, ...RECORDED].flatMap(({ expr }) => wrongNames(expr, RECORDED));
    assert.deepEqual(wrong, []);
  });

  test("record nothing that nobody asks for", () => {
    const boards = ["overview", "groups", "tiers", "money", "parts"]
      .map((name) => readFileSync(join(ROOT, "deploy", "grafana", "dashboards", `sluice-${name}.json`), "utf8"))
      .join("\n");
    const asked = [...ALARMS, ...RECORDED].flatMap(({ expr }) => namedIn(expr).metrics.map(({ name }) => name));
    const unused = RECORDED.filter(({ record }) => !asked.includes(record) && !boards.includes(record));
    assert.deepEqual(
      unused.map(({ record }) => record),
      [],
    );
  });

  test("wake somebody for every metric that docs/metrics.md says is to", () => {
    const direct = (expr: string): string[] => namedIn(expr).metrics.map(({ name }) => name);
    const asked = new Set(
      ALARMS.flatMap(({ expr }) => direct(expr))
        .flatMap((name) => [name, ...direct(RECORDED.find(({ record }) => record === name)?.expr ?? "")])
        .map((name) => rowOf(name)?.name),
    );
    const silent = documentedMetrics().filter(({ name, alarm }) => alarm !== "" && !asked.has(name));
    assert.deepEqual(
      silent.map(({ name }) => name),
      [],
    );
  });

  for (const { alert, annotations = {}, labels = {} } of ALARMS) {
    test(`${alert} says how bad it is, what is the matter, and where to read on`, () => {
      assert.match(alert, /^Sluice[A-Z]\w+$/);
      assert.match(labels["severity"] ?? "", /^(critical|warning|info)$/);
      assert.ok((annotations["summary"] ?? "").length > 10);
      assert.match(annotations["description"] ?? "", /\d|\$value|\$labels|did worse/);
      assert.equal(annotations["runbook_url"], `docs/observability.md#${alert.toLowerCase()}`);
    });
  }

  test("have the figures of the settings", () => {
    const { scaling, cache } = parseSettings(readFileSync(join(ROOT, "sluice.yaml"), "utf8"), "sluice.yaml");
    assert.match(alarmOf("SluiceGroupLate").expr, new RegExp(`> on \\(group\\) ${scaling.target_age_ms / 1_000} \\+`));
    assert.match(alarmOf("SluiceScalerAtBound").expr, new RegExp(`>= ${scaling.default_bounds.max}$`, "m"));
    assert.match(alarmOf("SluiceFalseHits").expr, new RegExp(`> ${cache.semantic.max_error}$`, "m"));
  });

  test("have a test of each alarm's both sides", () => {
    const tests = RULE_TESTS.flatMap(readRuleTests);
    const expected = ALARMS.flatMap(({ alert }) => [`${alert} fires`, `${alert} is silent`]);
    assert.deepEqual(tests.map(({ name }) => name).toSorted(), expected.toSorted());
    for (const { name, alert_rule_test } of tests) {
      for (const { alertname, exp_alerts } of alert_rule_test) {
        assert.equal(name.split(" ")[0], alertname);
        assert.equal(exp_alerts.length > 0, name.endsWith("fires"), name);
      }
    }
  });
});

describe("docs/observability.md", () => {
  const rows = [...PAGE.matchAll(ROW)];

  test("lists every alarm, and no other", () => {
    assert.deepEqual(rows.map(([, , name]) => name).toSorted(), ALARMS.map(({ alert }) => alert).toSorted());
  });

  test("has their anchors, severities and times", () => {
    for (const [, anchor, name = "", severity, after] of rows) {
      const alarm = alarmOf(name);
      assert.equal(alarm.annotations?.["runbook_url"], `docs/observability.md#${anchor}`);
      assert.deepEqual(
        { severity, after },
        { severity: alarm.labels?.["severity"], after: alarm.for ?? "at once" },
        name,
      );
    }
  });

  test("says of each what the alarm says", () => {
    for (const [, , name = "", , , when] of rows) {
      assert.equal(when, alarmOf(name).annotations?.["summary"]?.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, "*$1*"));
    }
  });
});

describe("promtool", { skip: WITHOUT_PROMTOOL }, () => {
  test("takes the configuration and every rule", () => {
    const { status, said } = promtool(["check", "config", join(PROMETHEUS, "prometheus.yml")]);
    assert.equal(status, 0, said);
  });

  for (const path of RULE_TESTS) {
    test(`each alarm of ${path.split("/").at(-1)} fires and is silent as it should`, () => {
      const { status, said } = promtool(["test", "rules", path]);
      assert.equal(status, 0, said);
    });
  }
});

test("names in a query are told apart", () => {
  const query = `sum by (le, group) (rate(sluice_a_bucket{group=~".+[.]x", b!="c"}[5m])) > on (group) 2 * lane:b:p95 unless up offset 10m`;
  assert.deepEqual(namedIn(query), {
    metrics: [
      { name: "sluice_a_bucket", labels: ["group", "b"], counted: true },
      { name: "lane:b:p95", labels: [], counted: false },
      { name: "up", labels: [], counted: false },
    ],
    grouped: ["le", "group", "group"],
  });
  assert.deepEqual(wrongNames("sum(rate(sluice_in_flight[5m]))", []), ["sluice_in_flight is a gauge and has no rate"]);
  assert.deepEqual(wrongNames("sluice_none", []), ["sluice_none is no metric: sluice_none"]);
  assert.deepEqual(wrongNames(`sluice_in_flight{tier="a"}`, []), ["sluice_in_flight has no label tier"]);
});
