/** The rules of deploy/prometheus, and their tests. */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { Recorded } from "./known.ts";

export const PROMETHEUS = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "deploy", "prometheus");

export type Alarm = {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Without its folder and ending. */
  readonly file: string;
};

export type RuleTest = {
  readonly name: string;
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
};

const files = globSync("rules/*.yml", { cwd: PROMETHEUS }).toSorted();
const rules = files.flatMap((file) => {
  const { groups } = parse(readFileSync(join(PROMETHEUS, file), "utf8")) as {
    groups: { rules: (Recorded | Omit<Alarm, "file">)[] }[];
  };
  return groups.flatMap((group) => group.rules.map((rule) => ({ ...rule, file: basename(file, ".yml") })));
});

export const RECORDED: readonly Recorded[] = rules.filter((rule) => "record" in rule);
export const ALARMS: readonly Alarm[] = rules.filter((rule) => "alert" in rule);

/** Absolute paths of the tests for promtool. */
export const RULE_TESTS = globSync("tests/*.yml", { cwd: PROMETHEUS })
  .toSorted()
  .map((file) => join(PROMETHEUS, file));

export function readRuleTests(path: string): readonly RuleTest[] {
  return (parse(readFileSync(path, "utf8")) as { tests: RuleTest[] }).tests;
}
