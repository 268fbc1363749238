/** deploy/grafana: boards are what their sources say, ask for what there is, and know no installation. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { BOARDS } from "../../tools/boards/boards.ts";
import { boardJson } from "../../tools/boards/panels.ts";
import { rowOf, wrongNames } from "../support/metrics/known.ts";
import { promtool, WITHOUT_PROMTOOL } from "../support/metrics/promtool.ts";
import { RECORDED } from "../support/metrics/rules.ts";

type PanelJson = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string; readonly refId: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
};
type BoardJson = {
  readonly uid: string;
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly PanelJson[];
};

const GRAFANA = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "deploy", "grafana");
const files = globSync("dashboards/*.json", { cwd: GRAFANA }).map((path) => {
  const text = readFileSync(join(GRAFANA, path), "utf8");
  return { name: basename(path, ".json"), text, board: JSON.parse(text) as BoardJson };
});
const targetsOf = (board: BoardJson) => board.panels.flatMap(({ targets = [] }) => targets);

/** Grafana's own variables, and the board's, as they might be. */
const filledIn = (expr: string): string =>
  expr
    .replaceAll("$__rate_interval", "1m")
    .replaceAll("$__range", "1h")
    .replaceAll(/\$[a-z]+/g, ".*");

describe("the boards", () => {
  test("are those of tools/boards: npm run boards writes them", () => {
    assert.deepEqual(files.map(({ name }) => name).toSorted(), BOARDS.map(({ uid }) => uid).toSorted());
    for (const board of BOARDS) {
      assert.deepEqual(
        files.find(({ name }) => name === board.uid)?.board,
        JSON.parse(JSON.stringify(boardJson(board))),
      );
    }
  });

  test("have addresses and titles of their own", () => {
    for (const field of ["uid", "title"] as const) {
      assert.equal(new Set(files.map(({ board }) => board[field])).size, files.length);
    }
  });

  for (const { name, text, board } of files) {
    test(`${name}: panels have ids, titles, units and places of their own`, () => {
      const ids = board.panels.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      const cells = new Set<string>();
      for (const { title, type, gridPos, fieldConfig, targets = [] } of board.panels) {
        assert.ok(title !== "");
        if (type !== "row") assert.ok(fieldConfig?.defaults.unit && targets.length > 0, title);
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
        assert.ok(gridPos.x + gridPos.w <= 24, title);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
            assert.ok(!cells.has(`${x} ${y}`), `${title} lies on another panel`);
            cells.add(`${x} ${y}`);
          }
        }
      }
    });

    test(`${name}: queries ask for metrics and labels of docs/metrics.md`, () => {
      const wrong = targetsOf(board).flatMap(({ expr, legendFormat }) =>
        wrongNames(filledIn(expr), RECORDED, legendFormat),
      );
      assert.deepEqual(wrong, []);
    });

    test(`${name}: its variables are used, are labels of their metrics, and no other is`, () => {
      const asked = targetsOf(board).flatMap(({ expr }) => [...expr.matchAll(/"\$([a-z]+)"/g)].map(([, of]) => of));
      const has = board.templating.list
        .map((variable) => variable.name)
        .filter((variable) => variable !== "datasource");
      assert.deepEqual([...new Set(asked)].toSorted(), has.toSorted());
      for (const { name: variable, definition } of board.templating.list) {
        const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition ?? "") ?? [];
        if (variable !== "datasource") assert.ok(label === variable && rowOf(metric)?.labels.includes(label), variable);
      }
    });

    test(`${name}: no installation's datasource is in it`, () => {
      const uids = [...text.matchAll(/"datasource": \{\s*"type": "prometheus",\s*"uid": "([^"]+)"/g)];
      assert.ok(uids.length > 10);
      assert.deepEqual([...new Set(uids.map(([, uid]) => uid))], [`\${datasource}`]);
    });
  }

  test("promtool reads every query", { skip: WITHOUT_PROMTOOL }, (context) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-boards-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const queries = files.flatMap(({ board }) => targetsOf(board).map(({ expr }) => filledIn(expr)));
    const rules = queries.map((expr, index) => ({ record: `board:query:${index}`, expr }));
    writeFileSync(join(folder, "queries.yml"), stringify({ groups: [{ name: "boards", rules }] }));
    const { status, said } = promtool(["check", "rules", join(folder, "queries.yml")]);
    assert.equal(status, 0, said);
    assert.match(said, new RegExp(`${queries.length} rules found`));
  });
});

describe("what Grafana is started with", () => {
  const read = (path: string) => parse(readFileSync(join(GRAFANA, "provisioning", path), "utf8"));

  test("finds Prometheus, whatever its address within Grafana, and the boards where they are mounted", () => {
    const { datasources } = read("datasources/prometheus.yml") as { datasources: Record<string, unknown>[] };
    assert.deepEqual(
      datasources.map(({ type, url, isDefault, uid }) => ({ type, url, isDefault, uid })),
      [{ type: "prometheus", url: "http://prometheus:9090", isDefault: true, uid: undefined }],
    );
    const { providers } = read("dashboards/sluice.yml") as { providers: { options: { path: string } }[] };
    const compose = readFileSync(join(GRAFANA, "..", "..", "docker-compose.yml"), "utf8");
    assert.ok(compose.includes(`./deploy/grafana/dashboards:${providers[0]?.options.path}:ro`));
  });
});
