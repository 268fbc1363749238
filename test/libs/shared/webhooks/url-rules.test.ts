/** What is said of a URL before anybody calls it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addressProblem, networksOf } from "../../../../libs/shared/webhooks/address-rules.ts";
import { callbackProblem, shownUrl, urlRulesOf } from "../../../../libs/shared/webhooks/url-rules.ts";

const RULES = urlRulesOf({ allow_http: false, allow_networks: [] });

describe("a callback's URL", () => {
  test("that may be called has no problem, also where its name is not looked up yet", () => {
    for (const url of [
      "https://example.com/a?b=c",
      "https://example.com:8443/",
      "https://8.8.8.8/",
      "https://a.internal/",
    ]) {
      assert.equal(callbackProblem(url, RULES), undefined, url);
    }
  });

  test("that is sure to be refused is told of with the reason, and not repeated", () => {
    const problems: readonly (readonly [url: string, problem: string])[] = [
      ["http://example.com/", "callback.url must begin with https://"],
      ["nonsense", "callback.url cannot be read as one"],
      ["https://u:p@example.com/", "callback.url must hold no user name or password"],
      ["https://0x7f.1/", "callback.url has an address that must not be called: it is not public (loopback)"],
      ["https://localhost/", "callback.url has an address that must not be called: it is not public (loopback)"],
      ["https://example.com:25/", "callback.url has the port 25; 80, 443 and those from 1024 on are called"],
    ];
    for (const [url, problem] of problems) assert.equal(callbackProblem(url, RULES), problem);
  });

  test("is shown without its query", () => {
    assert.equal(shownUrl("https://example.com/a?token=1#b"), "https://example.com/a");
    assert.equal(shownUrl("nonsense"), "");
  });
});

describe("an address", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const ipv4 = fc.tuple(byte, byte, byte, byte);
  const hex = (...bytes: number[]): string => ((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)).toString(16);

  test("of IPv4 is judged as its mapped and NAT64 forms are", () => {
    fc.assert(
      fc.property(ipv4, ([a, b, c, d]) => {
        const plain = addressProblem(`${a}.${b}.${c}.${d}`, []);
        for (const prefix of ["::ffff:", "64:ff9b::"]) {
          assert.equal(addressProblem(`${prefix}${hex(a, b)}:${hex(c, d)}`, []), plain);
        }
      }),
    );
  });

  test("that carries one that must not be called must not be called, though its own network is allowed", () => {
    const allowed = networksOf(["2002::/16", "2001::/32", "::/96"]);
    fc.assert(
      fc.property(ipv4, ([a, b, c, d]) => {
        fc.pre(addressProblem(`${a}.${b}.${c}.${d}`, []) !== undefined);
        const high = hex(a, b);
        const low = hex(c, d);
        for (const text of [`2002:${high}:${low}::1`, `2001:0:${high}:${low}::1`, `::${high}:${low}`]) {
          assert.notEqual(addressProblem(text, allowed), undefined, text);
        }
      }),
    );
  });

  test("in a private network is refused, whatever its bytes", () => {
    fc.assert(
      fc.property(byte, byte, byte, (b, c, d) => {
        for (const text of [`10.${b}.${c}.${d}`, `127.${b}.${c}.${d}`, `192.168.${c}.${d}`, `0.${b}.${c}.${d}`]) {
          assert.notEqual(addressProblem(text, []), undefined, text);
        }
      }),
    );
  });
});
