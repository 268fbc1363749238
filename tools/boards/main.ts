/** Writes the boards as Grafana reads them: `npm run boards`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BOARDS } from "./boards.ts";
import { boardJson } from "./panels.ts";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "deploy", "grafana", "dashboards");

mkdirSync(FOLDER, { recursive: true });
for (const board of BOARDS) {
  writeFileSync(join(FOLDER, `${board.uid}.json`), `${JSON.stringify(boardJson(board), null, 2)}\n`);
}
