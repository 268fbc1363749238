import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { calibratePairs } from "../../../cli/cache/calibrate.ts";
import { evalPairs } from "../../../cli/cache/eval.ts";
import { readPairs } from "../../../cli/cache/pairs-file.ts";
import { loadSettings } from "../../../libs/shared/config/load.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { FIT_DEFAULTS } from "../../../libs/shared/semantic/fit.ts";
import { printCalibration } from "../../../libs/shared/semantic/open.ts";
import { FAKE_MODEL, fakeEmbedder, fakePairs } from "../../support/semantic/fake-pairs.ts";

const FIT = { ...FIT_DEFAULTS, forests: 1, trees: 20, learning_rate: 0.3, leaves: 6, leaf_rows_min: 10 };
const folder = await mkdtemp(join(tmpdir(), "sluice-calibrate-"));
after(() => rm(folder, { recursive: true, force: true }));

const SETTINGS = await loadSettings(join(import.meta.dirname, "../../../sluice.yaml"));

const settingsWith = (semantic: Partial<Settings["cache"]["semantic"]>, model = FAKE_MODEL): Settings => {
  const { cache } = SETTINGS;
  const embedding = { ...cache.semantic.embedding, model };
  return { ...SETTINGS, cache: { ...cache, semantic: { ...cache.semantic, embedding, ...semantic } } };
};
const rest = { embedder: fakeEmbedder(), quiet: true, signal: new AbortController().signal };

describe("labelled pairs in a file", () => {
  const lines = [
    '{"a":"x","b":"y","duplicate":true}',
    "",
    "nonsense",
    '{"a":"x","duplicate":1}',
    '{"a":"p","b":"q","duplicate":0,"more":1}',
  ];

  for (const [name, bytes] of [
    ["plain", Buffer.from(lines.join("\n"))],
    ["gzipped", gzipSync(lines.join("\n"))],
  ] as const) {
    test(`${name}, every bad line is told of by its number`, async () => {
      const file = join(folder, name);
      await writeFile(file, bytes);
      for (const read of [
        await readPairs(file),
        await readPairs("-", Readable.from([bytes.subarray(0, 1), bytes.subarray(1)])),
      ]) {
        assert.deepEqual(
          read.pairs.map(({ a, b, duplicate }) => [a, b, duplicate]),
          [
            ["x", "y", true],
            ["p", "q", false],
          ],
        );
        assert.deepEqual(
          read.bad.map(({ line }) => line),
          [3, 4],
        );
      }
    });
  }

  test("a file that is not there, and one that is cut short, are errors of use", async () => {
    await assert.rejects(readPairs(join(folder, "none")), { code: "usage" });
    const file = join(folder, "cut.gz");
    await writeFile(file, gzipSync(lines.join("\n")).subarray(0, 40));
    await assert.rejects(readPairs(file), { code: "usage" });
  });
});

describe("calibrate, then eval", async () => {
  const read = { pairs: fakePairs(3_000, 1), bad: [] };
  const { calibration, table } = await calibratePairs({
    ...rest,
    read,
    settings: settingsWith({}),
    max_error: 0.07,
    fit: FIT,
  });
  const calibration_file = join(folder, "calibration.json");
  await writeFile(calibration_file, printCalibration(calibration));

  test("the table is of pairs kept aside, and holds the error asked for", () => {
    assert.equal(calibration.trees_of, "pairs");
    assert.ok(table.every(({ pairs }) => pairs + calibration.pairs === 3_000));
    assert.ok(table.some(({ max_error }) => max_error === 0.07));
    assert.ok(table.some(({ abstained }) => !abstained));
  });

  test("what was written is what eval measures by", async () => {
    const fresh = { pairs: fakePairs(600, 2), bad: [] };
    const found = await evalPairs({
      ...rest,
      read: fresh,
      settings: settingsWith({ calibration_file }),
      max_error: 0.1,
    });
    assert.equal(found.pairs, 600);
    assert.equal(found.abstained, false);
    assert.ok((found.precision ?? 0) >= 0.9 && (found.recall ?? 0) > 0.3, JSON.stringify(found));
  });

  test("a calibration of another model is refused, and so is what is none", async () => {
    const settings = settingsWith({ calibration_file }, "other");
    await assert.rejects(evalPairs({ ...rest, read, settings, max_error: 0.1 }), {
      code: "settings_invalid",
      message: /fake.*other/,
    });
    const none = join(folder, "none.json");
    await writeFile(none, "{}");
    const broken = settingsWith({ calibration_file: none });
    await assert.rejects(evalPairs({ ...rest, read, settings: broken, max_error: 0.1 }), { code: "settings_invalid" });
  });

  test("few pairs for another model than the default's, and pairs of one kind, are refused", async () => {
    const few = { pairs: fakePairs(200, 3), bad: [] };
    const input = { ...rest, settings: settingsWith({}), max_error: 0.1, fit: FIT };
    await assert.rejects(calibratePairs({ ...input, read: few }), { code: "settings_invalid" });
    const one_kind = { pairs: few.pairs.filter(({ duplicate }) => duplicate), bad: [] };
    await assert.rejects(calibratePairs({ ...input, read: one_kind }), { code: "usage" });
  });
});

test("few pairs keep the trees of the default", async () => {
  const read = { pairs: fakePairs(300, 4), bad: [] };
  const settings = settingsWith({}, "all-minilm-l6-v2-q");
  const { calibration } = await calibratePairs({ ...rest, read, settings, max_error: 0.1, fit: FIT });
  assert.equal(calibration.trees_of, "default");
});
