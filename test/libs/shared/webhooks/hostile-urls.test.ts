/**
 * Webhook URLs that lead inside are not called. Whatever address the guard lets through is connected to a real listener on this machine, so that a
 * hole is a call that is counted.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { buildConnector } from "undici";
import { createGuardedClient, type Dial, type GuardedClient } from "../../../../libs/shared/webhooks/guarded-client.ts";
import { checkUrl, urlRulesOf } from "../../../../libs/shared/webhooks/url-rules.ts";
import { HOSTILE_URLS } from "../../../support/hostile-urls.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "../../../support/test-certificate.ts";

const PUBLIC = "93.184.215.14";
const HEADERS = { "content-type": "application/json" };
const LISTENER_MS = 5_000;

let server: Server;
let port = 0;
let calls: string[] = [];
let dialled: string[] = [];
const direct = buildConnector({ timeout: LISTENER_MS });

/** Every address leads to the listener. */
const dial: Dial = (options, callback) => {
  dialled.push(options.hostname);
  direct({ ...options, hostname: "127.0.0.1", port: String(port) }, callback);
};

before(async () => {
  server = createServer((request, response) => {
    calls.push(`${request.headers.host} ${request.url}`);
    const status = Number(/\/redirect-(\d+)/.exec(request.url ?? "")?.[1] ?? 200);
    const location = new URL(request.url ?? "/", "http://x").searchParams.get("to");
    response.writeHead(status, location === null ? {} : { location }).end("answer");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  calls = [];
  dialled = [];
});

type Settings = { readonly allow_http?: boolean; readonly allow_networks?: readonly string[] };

function clientOf(resolves: readonly (readonly string[])[] = [], settings: Settings = {}): GuardedClient {
  const answers = [...resolves];
  let last: readonly string[] = [];
  return createGuardedClient({
    rules: urlRulesOf({ allow_http: true, allow_networks: [], ...(settings as object) }),
    timeout_ms: LISTENER_MS,
    host_connections_max: 2,
    dial,
    resolve: async () => {
      last = answers.shift() ?? last;
      return last;
    },
  });
}

const post = async (client: GuardedClient, url: string) => {
  try {
    return await client.post(url.replaceAll("{port}", String(port)), HEADERS, "{}");
  } finally {
    await client.close();
  }
};

describe("a hostile URL is not called", () => {
  test(`there are at least 60 of them (${HOSTILE_URLS.length})`, () => assert.ok(HOSTILE_URLS.length >= 60));

  for (const { what, url, resolves } of HOSTILE_URLS) {
    test(what, async () => {
      const called = await post(clientOf(resolves), url);
      const over_tls = await post(clientOf(resolves), url.replace(/^http:/, "https:"));
      assert.deepEqual([calls, dialled], [[], []]);
      for (const { kind } of [called, over_tls]) assert.notEqual(kind, "answered");
    });
  }

  test("http without the setting", async () => {
    const called = await post(clientOf([[PUBLIC]], { allow_http: false }), "http://example.com/");
    assert.deepEqual([called.kind, calls, dialled], ["refused", [], []]);
  });
});

describe("a name that changes its mind", () => {
  test("is looked up once: the connection goes to the address that was checked", async () => {
    const called = await post(clientOf([[PUBLIC], ["127.0.0.1"]]), "http://rebind.example.com:{port}/a");
    assert.equal(called.kind, "answered");
    assert.deepEqual(dialled, [PUBLIC]);
  });

  test("is refused as soon as a look-up says so, in the same client", async () => {
    const client = clientOf([[PUBLIC], ["127.0.0.1"], ["10.0.0.1"]]);
    const url = (name: string) => `http://${name}.example.com:${port}/`;
    assert.equal((await client.post(url("a"), HEADERS, "{}")).kind, "answered");
    assert.equal((await client.post(url("b"), HEADERS, "{}")).kind, "failed");
    assert.equal((await client.post(url("c"), HEADERS, "{}")).kind, "failed");
    await client.close();
    assert.deepEqual([dialled, calls.length], [[PUBLIC], 1]);
  });
});

describe("a redirect is not followed", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    for (const to of ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:{port}/inside", "/inside"]) {
      test(`${status} to ${to}`, async () => {
        const target = encodeURIComponent(to.replace("{port}", String(port)));
        const called = await post(
          clientOf([[PUBLIC]]),
          `http://hooks.example.com:{port}/redirect-${status}?to=${target}`,
        );
        assert.equal(called.kind === "answered" && called.status, status);
        assert.deepEqual([dialled, calls.length], [[PUBLIC], 1]);
        assert.ok(!calls.some((line) => line.includes(" /inside")));
      });
    }
  }
});

describe("what may be called is called", () => {
  const fine: readonly (readonly [what: string, url: string, resolves: string[], settings: Settings])[] = [
    ["a public IPv4 address", `http://${PUBLIC}:{port}/`, [], {}],
    ["a public IPv6 address", "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:{port}/", [], {}],
    ["a public address that is mapped", `http://[::ffff:${PUBLIC}]:{port}/`, [], {}],
    ["a public address behind NAT64", "http://hooks.example.com:{port}/", ["64:ff9b::808:808"], {}],
    ["a name with a public address", "http://hooks.example.com:{port}/a?b=c", [PUBLIC], {}],
    ["a network that is allowed", "http://10.20.3.4:{port}/", [], { allow_networks: ["10.20.0.0/16"] }],
    [
      "a name in a network that is allowed",
      "http://in.example:{port}/",
      ["fd00::7"],
      { allow_networks: ["fd00::/64"] },
    ],
    [
      "a mapped address of a network that is allowed",
      "http://[::ffff:10.20.3.4]:{port}/",
      [],
      { allow_networks: ["10.20.0.0/16"] },
    ],
    ["this machine where it is allowed", "http://localhost:{port}/", [], { allow_networks: ["127.0.0.0/8"] }],
  ];
  for (const [what, url, resolves, settings] of fine) {
    test(what, async () => {
      const called = await post(clientOf([resolves], settings), url);
      assert.deepEqual([called.kind, calls.length, dialled.length], ["answered", 1, 1]);
    });
  }

  test("the environment's proxy is not asked", async () => {
    const before = process.env["http_proxy"];
    process.env["http_proxy"] = "http://10.9.9.9:3128";
    try {
      await post(clientOf([[PUBLIC]]), "http://hooks.example.com:{port}/");
    } finally {
      if (before === undefined) delete process.env["http_proxy"];
      else process.env["http_proxy"] = before;
    }
    assert.deepEqual([dialled, calls], [[PUBLIC], [`hooks.example.com:${port} /`]]);
  });

  test("metadata addresses are none of these, whatever networks are allowed", () => {
    const rules = urlRulesOf({ allow_http: true, allow_networks: ["0.0.0.0/0", "::/0"] });
    for (const host of ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]", "[2002:a9fe:a9fe::]"]) {
      assert.equal(checkUrl(`http://${host}/`, rules).ok, false, host);
    }
    assert.equal(checkUrl("http://10.0.0.1/", rules).ok, true);
  });

  test("an address inside IPv6 is allowed only where both are", () => {
    const both = (...allow_networks: string[]) =>
      checkUrl("https://[2002:a00:1::]/", urlRulesOf({ allow_http: false, allow_networks })).ok;
    assert.deepEqual([both("2002::/16"), both("10.0.0.0/8"), both("2002::/16", "10.0.0.0/8")], [false, false, true]);
  });
});

describe("a call", () => {
  test("that is not answered in time ends", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port: silent_port } = silent.address() as AddressInfo;
    const rules = urlRulesOf({ allow_http: true, allow_networks: ["127.0.0.0/8"] });
    const client = createGuardedClient({ rules, timeout_ms: 50, host_connections_max: 1 });
    const called = await client.post(`http://127.0.0.1:${silent_port}/?secret=1`, HEADERS, "{}");
    await client.close();
    silent.closeAllConnections();
    silent.close();
    assert.equal(called.kind, "failed");
    assert.equal("why" in called && called.why, "it did not answer in time");
  });

  test("that is refused tries the next address, and says why without the URL", async () => {
    const refusing: Dial = (options, callback) => {
      dialled.push(options.hostname);
      callback(Object.assign(new Error(`connect ${options.host}`), { code: "ECONNREFUSED" }), null);
    };
    const client = createGuardedClient({
      rules: urlRulesOf({ allow_http: true, allow_networks: [] }),
      ...{ timeout_ms: LISTENER_MS, host_connections_max: 1, dial: refusing },
      resolve: async () => ["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1"],
    });
    const called = await client.post("http://hooks.example.com/?secret=1", HEADERS, "{}");
    await client.close();
    assert.deepEqual([called.kind, "why" in called && called.why], ["failed", "the connection was refused"]);
    assert.deepEqual(dialled, ["8.8.8.8", "8.8.4.4", "1.1.1.1"]);
  });

  test("over TLS goes to the address, and wants the certificate of the name", async () => {
    const secure = createSecureServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (request, response) => {
      calls.push(`${request.headers.host} ${request.url}`);
      response.end();
    });
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    const { port: secure_port } = secure.address() as AddressInfo;
    const call = async (host: string, trust: boolean) => {
      const client = createGuardedClient({
        rules: urlRulesOf({ allow_http: false, allow_networks: ["127.0.0.0/8"] }),
        ...{ timeout_ms: LISTENER_MS, host_connections_max: 1, resolve: async () => ["127.0.0.1"] },
        ...(trust ? { dial: buildConnector({ ca: CERTIFICATE }) } : {}),
      });
      const called = await client.post(`https://${host}:${secure_port}/a`, HEADERS, "{}");
      await client.close();
      return called.kind === "answered" ? called.status : called.why;
    };
    assert.equal(await call("hooks.example.com", true), 200);
    assert.equal(await call("other.example.com", true), "it could not be called (ERR_TLS_CERT_ALTNAME_INVALID)");
    assert.equal(await call("hooks.example.com", false), "it could not be called (DEPTH_ZERO_SELF_SIGNED_CERT)");
    secure.closeAllConnections();
    secure.close();
    assert.deepEqual(calls, [`hooks.example.com:${secure_port} /a`]);
  });
});
