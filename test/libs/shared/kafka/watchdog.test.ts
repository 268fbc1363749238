import assert from "node:assert/strict";
import { test } from "node:test";
import { lookEvery_ms, Watchdog } from "../../../../libs/shared/kafka/watchdog.ts";

test("a silence is found when it has lasted its time, and at most a quarter more", () => {
  const silence_ms = 60_000;
  const every_ms = lookEvery_ms(silence_ms);
  for (const spoke_before_look_ms of [0, 1, every_ms - 1]) {
    const watchdog = new Watchdog();
    watchdog.heard();
    let since_ms = spoke_before_look_ms;
    while (!watchdog.look()) since_ms += every_ms;
    assert.ok(since_ms >= silence_ms && since_ms <= silence_ms * 1.25, `${since_ms} ms`);
  }
});

test("a word now and then is enough, and a restart gives as much time as the start", () => {
  const watchdog = new Watchdog();
  for (let looks = 0; looks < 40; looks += 1) {
    if (looks % 4 === 0) watchdog.heard();
    assert.equal(watchdog.look(), false);
  }
  const found: number[] = [];
  for (let looks = 0; looks < 20; looks += 1) if (watchdog.look()) found.push(looks);
  assert.equal((found[1] ?? 0) - (found[0] ?? 0), 5);
});
