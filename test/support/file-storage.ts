/** What every file storage does, as tests that each kind runs. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { ByteRange, FileStorage } from "../../libs/shared/files/storage.ts";

/** Larger than one part of an upload in parts. */
const LARGE_BYTES = 9 * 1024 * 1024;
const PIECE_BYTES = 100_000;

async function* piecesOf(content: Buffer, fails_after = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    if (at >= fails_after) throw new Error("the sender is gone");
    yield content.subarray(at, at + PIECE_BYTES);
  }
}

export async function bytesOf(storage: FileStorage, key: string, range?: ByteRange): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of storage.read(key, range)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const isMissing = (error: unknown): boolean => error instanceof SluiceError && error.code === "file_missing";
const freshKey = (): string => `ab/${randomUUID()}`;

export function testFileStorage(storage: () => FileStorage): void {
  for (const [size, bytes] of [
    ["nothing", 0],
    ["a little", 1_000],
    ["much", LARGE_BYTES],
  ] as const) {
    test(`keeps ${size}, byte by byte`, async () => {
      const content = randomBytes(bytes);
      const key = freshKey();
      assert.equal(await storage().write(key, piecesOf(content)), bytes);
      assert.ok(content.equals(await bytesOf(storage(), key)));
    });
  }

  test("reads ranges, also such as are empty or reach beyond the end", async () => {
    const key = freshKey();
    await storage().write(key, piecesOf(Buffer.from("0123456789")));
    const text = async (start: number, end: number) => (await bytesOf(storage(), key, { start, end })).toString();
    assert.equal(await text(0, 4), "0123");
    assert.equal(await text(3, 4), "3");
    assert.equal(await text(8, 99), "89");
    assert.equal(await text(4, 4), "");
    assert.equal(await text(10, 20), "");
    assert.equal(await text(50, 60), "");
  });

  test("a reader may go before the end", async () => {
    const key = freshKey();
    await storage().write(key, piecesOf(randomBytes(LARGE_BYTES)));
    for await (const piece of storage().read(key)) {
      assert.ok(piece.length > 0);
      break;
    }
  });

  for (const sent of [1, LARGE_BYTES - PIECE_BYTES]) {
    test(`keeps nothing of what broke off after ${sent} bytes, and says why it did`, async () => {
      const key = freshKey();
      const content = piecesOf(randomBytes(LARGE_BYTES), sent);
      await assert.rejects(storage().write(key, content), { message: "the sender is gone" });
      await assert.rejects(bytesOf(storage(), key), isMissing);
      assert.equal(await storage().removeUnfinished?.(Number.MAX_SAFE_INTEGER), 0);
    });
  }

  test("writing a key again replaces what was there", async () => {
    const key = freshKey();
    await storage().write(key, piecesOf(Buffer.from("the first, which is longer")));
    await storage().write(key, piecesOf(Buffer.from("the second")));
    assert.equal((await bytesOf(storage(), key)).toString(), "the second");
  });

  test("removes, also what is not there", async () => {
    const key = freshKey();
    await storage().write(key, piecesOf(Buffer.from("x")));
    await storage().remove(key);
    await storage().remove(key);
    await assert.rejects(bytesOf(storage(), key), isMissing);
  });

  test("takes no key that leads elsewhere", async () => {
    const keys = [
      "",
      "/etc/x",
      "../x",
      "a/../../x",
      "a//b",
      "a/",
      ".unfinished/x",
      "a/.b",
      "a\\b",
      "a\0b",
      "ä",
      "x".repeat(501),
    ];
    for (const key of keys) {
      await assert.rejects(storage().write(key, piecesOf(Buffer.from("x"))), { code: "internal_error" }, key);
      await assert.rejects(bytesOf(storage(), key), { code: "internal_error" }, key);
      await assert.rejects(storage().remove(key), { code: "internal_error" }, key);
    }
  });

  test("has no problems", async () => assert.deepEqual(await storage().problems(), []));
}
