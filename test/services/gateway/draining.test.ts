import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { drain } from "../../../services/gateway/draining.ts";

const MIB = Buffer.alloc(1024 * 1024);

function sending(): { readonly stream: PassThrough; readonly request: IncomingMessage } {
  const stream = new PassThrough();
  return { stream, request: stream as unknown as IncomingMessage };
}

test("waits until the caller has sent all", async () => {
  const { stream, request } = sending();
  let drained = false;
  const done = drain(request).then(() => {
    drained = true;
  });
  stream.write(MIB);
  await new Promise(setImmediate);
  assert.equal(drained, false);
  stream.end(MIB);
  await done;
});

test("a caller that is gone is not waited for", async () => {
  const { stream, request } = sending();
  const done = drain(request);
  stream.destroy(new Error("reset"));
  await done;
});

test("what is sent without end is read up to a bound, and the connection is left for the reply", async () => {
  const { stream, request } = sending();
  const done = drain(request);
  let sent = 0;
  const more = (): void => {
    for (; sent < 80; sent += 1) if (!stream.write(MIB)) return void stream.once("drain", more);
  };
  more();
  await done;
  assert.equal(stream.destroyed, false);
  stream.destroy();
});
