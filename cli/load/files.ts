/** Scenarios and recorded runs as files. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type Env, ROOT, stateDir } from "../context.ts";
import { plotParts } from "../output/plot-parts.ts";
import { reportPage } from "./page.ts";
import type { RunRecord } from "./record.ts";
import { parseScenario, type Scenario } from "./scenario.ts";

const BUILT_IN = join("examples", "load");
const RECORD_FILE = "run.json";
const REPORT_FILE = "report.html";

export type ScenarioFile = { readonly name: string; readonly text: string; readonly scenario: Scenario };

/** @param named a path, or the name of one of the built-in ones. @throws `usage` */
export async function readScenario(named: string): Promise<ScenarioFile> {
  const is_name = /^[\w-]+$/.test(named) && !existsSync(named);
  const file = is_name ? join(ROOT, BUILT_IN, `${named}.yaml`) : named;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const why = is_name ? "is none of the built-in ones" : `cannot be read: ${(error as Error).message}`;
    throw new SluiceError("usage", `the scenario ${named} ${why}`, {
      fix: `Name a YAML file, or one of ${(await builtIns()).join(", ")}.`,
    });
  }
  const shown = is_name ? join(BUILT_IN, `${named}.yaml`) : named;
  return { name: basename(file).replace(/\.ya?ml$/, ""), text, scenario: parseScenario(text, shown) };
}

/** Names of the built-in scenarios. */
export async function builtIns(): Promise<string[]> {
  const files = await readdir(join(ROOT, BUILT_IN));
  return files
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort();
}

/** Where runs are kept unless `--out` says otherwise. */
export function runsDir(env: Env): string {
  return join(stateDir(env), "load");
}

/** Writes the record and its report. @returns their paths. */
export async function writeRun(dir: string, record: RunRecord): Promise<{ record_file: string; report_file: string }> {
  await mkdir(dir, { recursive: true });
  const [record_file, report_file] = [join(dir, RECORD_FILE), join(dir, REPORT_FILE)];
  await writeFile(record_file, `${JSON.stringify(record)}\n`);
  await writeFile(report_file, reportPage(record, await plotParts()));
  return { record_file, report_file };
}

/** @param named the id of a run, its folder, or its file. @throws `usage` */
export async function readRun(named: string, env: Env): Promise<RunRecord> {
  const places = [named, join(named, RECORD_FILE), join(runsDir(env), named, RECORD_FILE)];
  const file = places.find((place) => existsSync(place) && place.endsWith(".json"));
  const fix = "Name the id that `sluice load` printed, the run's folder, or its run.json.";
  if (file === undefined) throw new SluiceError("usage", `there is no recorded run ${named}`, { fix });
  let record: Partial<RunRecord>;
  try {
    record = JSON.parse(await readFile(file, "utf8")) as Partial<RunRecord>;
  } catch (cause) {
    throw new SluiceError("usage", `${file} cannot be read: ${(cause as Error).message}`, { fix, cause });
  }
  if (record.format !== 1) throw new SluiceError("usage", `${file} is no recorded run of this version`, { fix });
  return record as RunRecord;
}
