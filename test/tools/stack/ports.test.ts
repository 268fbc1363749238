import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { answers, createPortBook, isFree } from "../../../tools/stack/ports.ts";

function probe(taken: readonly number[], free: readonly number[]) {
  const rest = [...free];
  return { isFree: async (port: number) => !taken.includes(port), pickFree: async () => rest.shift() ?? 0 };
}

test("the preferred port is given when it is free", async () => {
  assert.equal(await createPortBook(probe([], [50_000])).take(9092), 9092);
});

test("a taken port gives way to a free one", async () => {
  assert.equal(await createPortBook(probe([9092], [50_000])).take(9092), 50_000);
});

test("no port is given twice, even when two ask at once and the system repeats itself", async () => {
  const book = createPortBook(probe([], [50_000, 50_000, 50_001]));
  const ports = await Promise.all([book.take(9092), book.take(9092), book.take()]);
  assert.equal(new Set(ports).size, 3);
});

test("a system without free ports ends in an error, not in a loop", async () => {
  const book = createPortBook({ isFree: async () => false, pickFree: async () => 50_000 });
  await book.take(9092);
  await assert.rejects(book.take(9092), /no free port/);
});

test("a port that something listens on is not free, and answers", async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  assert.equal(await isFree(port), false);
  assert.equal(await answers("127.0.0.1", port, 500), true);
});
