import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { endLeftovers, launch } from "../../../tools/stack/child.ts";
import { type Home, openHome } from "../../../tools/stack/home.ts";
import { birthOf } from "../../../tools/stack/os-process.ts";
import { createSupervisor, type ProcessSpec } from "../../../tools/stack/supervisor.ts";

function newHome(t: { after: (fn: () => void) => void }): Home {
  const root = mkdtempSync(join(tmpdir(), "sluice-supervisor-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return openHome(root);
}

function program(home: Home, name: string, code: string): ProcessSpec {
  const ready = (tail: string): boolean => tail.includes("up");
  return { name, command: process.execPath, args: ["-e", code], env: {}, cwd: home.dir, url: null, ready };
}

const SERVE = 'console.log("up"); setInterval(() => {}, 1000)';

async function until(condition: () => boolean): Promise<void> {
  for (let waited_ms = 0; waited_ms < 10_000; waited_ms += 20) {
    if (condition()) return;
    await sleep(20);
  }
  assert.fail("the condition did not come true within 10 s");
}

test("a program that dies is started again, and that is said in one line", async (t) => {
  const home = newHome(t);
  const said: string[] = [];
  let changes = 0;
  const supervisor = createSupervisor({ home, say: (line) => said.push(line), onChange: () => changes++ });
  t.after(() => supervisor.stop());
  await supervisor.start(program(home, "ingest", SERVE));
  const [before] = supervisor.processes();
  assert.ok(before);
  process.kill(before.pid, "SIGKILL");
  await until(() => supervisor.processes().some(({ pid }) => pid !== before.pid));
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^ingest died \(SIGKILL\), starting it again in 200 ms/);
  assert.ok(changes >= 3);
});

test("a program that ends while it starts fails with its last words and leaves nothing behind", async (t) => {
  const home = newHome(t);
  const supervisor = createSupervisor({ home, say: () => {} });
  const broken = program(home, "router", 'console.error("sluice.yaml line 3 is wrong"); process.exit(2)');
  await assert.rejects(supervisor.start(broken), {
    code: "part_failed",
    message: /router ended while it started \(exit code 2\)[\s\S]*line 3 is wrong/,
  });
  assert.deepEqual(supervisor.processes(), []);
  assert.deepEqual(readdirSync(home.pids), []);
});

test("a port that is taken has its own code", async (t) => {
  const home = newHome(t);
  const supervisor = createSupervisor({ home, say: () => {} });
  const clash = program(home, "gateway", 'console.error("listen EADDRINUSE"); process.exit(1)');
  await assert.rejects(supervisor.start(clash), { code: "port_taken" });
});

test("a program that does not exist fails, one that never becomes ready is given up", async (t) => {
  const home = newHome(t);
  const supervisor = createSupervisor({ home, say: () => {} });
  const absent = { ...program(home, "redis", ""), command: "/does/not/exist" };
  await assert.rejects(supervisor.start(absent), { code: "part_failed", message: /ENOENT/ });
  const silent = { ...program(home, "kafka", "setInterval(() => {}, 1000)"), ready_wait_ms: 100 };
  await assert.rejects(supervisor.start(silent), { code: "part_failed", message: /was not ready/ });
  assert.deepEqual(supervisor.processes(), []);
});

test("readiness by address waits for 200", async (t) => {
  const home = newHome(t);
  let asked = 0;
  const server = createServer((_request, response) => {
    response.statusCode = ++asked < 3 ? 503 : 200;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const supervisor = createSupervisor({ home, say: () => {} });
  t.after(() => supervisor.stop());
  const { ready: _, ...spec } = program(home, "results", SERVE);
  await supervisor.start({ ...spec, ready_url: `http://127.0.0.1:${port}/readyz` });
  assert.equal(asked, 3);
});

test("a restart keeps the name and changes the pid; a stop that is ignored is forced", async (t) => {
  const home = newHome(t);
  const supervisor = createSupervisor({ home, say: () => assert.fail("an expected end is not a death") });
  const deaf = `process.on("SIGTERM", () => {}); ${SERVE}`;
  await supervisor.start({ ...program(home, "inference", deaf), stop_wait_ms: 100 });
  const [before] = supervisor.processes();
  await supervisor.restart("inference", { signal: "SIGKILL" });
  const [after] = supervisor.processes();
  assert.ok(before && after && before.pid !== after.pid);
  await supervisor.stop();
  assert.equal(birthOf(after.pid), undefined);
  assert.deepEqual(supervisor.processes(), []);
});

test("what a killed run left behind is ended by the next one", async (t) => {
  const home = newHome(t);
  const left = launch(home, program(home, "postgres", SERVE));
  await until(() => left.tail().includes("up"));
  assert.deepEqual(await endLeftovers(home, 5_000), ["postgres"]);
  assert.equal(birthOf(left.pid), undefined);
  assert.deepEqual(await endLeftovers(home, 5_000), []);
});
