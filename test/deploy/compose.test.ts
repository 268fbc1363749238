/** The compose file and the image, as far as they can be judged without an engine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import { PART_NAMES } from "../../tools/stack/home.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

type Service = {
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly build?: { readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly container_name?: string;
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly pid?: string;
  readonly cap_add?: readonly string[];
  readonly devices?: readonly string[];
  readonly user?: string;
  readonly init?: boolean;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
};

const COMPOSE = parse(read("docker-compose.yml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const ALL = Object.entries(COMPOSE.services);
const PARTS = ["kafka", "schema_registry", "redis", "postgres"];
const SERVICES = globSync("services/*/main.ts", { cwd: ROOT }).map((path) => path.split(/[\\/]/)[1] ?? "");
const serviceOf = (name: string): Service => {
  const service = COMPOSE.services[name];
  assert.ok(service !== undefined, `docker-compose.yml has no ${name}`);
  return service;
};

describe("docker-compose.yml", () => {
  test("has every part and every service", () => {
    assert.ok(SERVICES.length >= 5);
    for (const name of [...PARTS, ...SERVICES, "mock-llm", "init"]) serviceOf(name);
  });

  for (const name of SERVICES) {
    test(`${name} runs its own main.ts, is asked for readiness, scales, and drains before it is killed`, () => {
      const service = serviceOf(name);
      assert.deepEqual(service.command, ["node", `services/${name}/main.ts`]);
      assert.ok(service.healthcheck?.test?.some((word) => word.includes("/readyz")));
      assert.equal(service.container_name, undefined);
      if (name !== "gateway") assert.equal(service.ports, undefined, "a fixed port keeps it from scaling");
      assert.equal(service.init, true);
      assert.equal(service.read_only, true);
      assert.equal(service.restart, "unless-stopped");
      assert.equal(service.depends_on?.["init"]?.condition, "service_completed_successfully");
      const { consumption } = parseSettings(read("sluice.yaml"), "sluice.yaml");
      const grace_ms = Number(/^(\d+)s$/.exec(service.stop_grace_period ?? "")?.[1]) * 1_000;
      assert.ok(grace_ms > consumption.drain_deadline_ms, `${grace_ms} ms is no longer than the drain`);
      for (const variable of ["KAFKA_BROKERS", "SCHEMA_REGISTRY_URL", "REDIS_URL", "DATABASE_URL"]) {
        assert.ok(service.environment?.[variable] !== undefined, `${name} gets no ${variable}`);
      }
    });
  }

  test("what a command names is there and is in the image", () => {
    const dockerfile = read("deploy/Dockerfile");
    for (const [name, { command, build }] of ALL.filter(([, service]) => service.build !== undefined)) {
      assert.equal(build?.dockerfile, "deploy/Dockerfile", name);
      const [node, program = ""] = command ?? [];
      assert.equal(node, "node");
      assert.ok(existsSync(join(ROOT, program)), `${name}: ${program} is missing`);
      const folder = program.split("/").slice(0, program.startsWith("tools/") ? 2 : 1);
      assert.match(dockerfile, new RegExp(`^COPY ${folder.join("/")} `, "m"));
    }
  });

  test("every port is on loopback", () => {
    for (const [name, { ports = [] }] of ALL) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, `${name} publishes ${port}`);
    }
  });

  test("every image is pinned, and none is the latest", () => {
    for (const [name, { image = "" }] of ALL) assert.match(image, /^[\w./-]+:(?!latest)[\w.-]*\w$/, name);
  });

  test("the parts have the names by which npm start runs them in containers", () => {
    assert.deepEqual([...PARTS].sort(), [...PART_NAMES].sort());
    for (const name of PARTS) assert.ok(serviceOf(name).image, name);
  });

  test("what watches is in profiles of its own, and nothing waits for it", () => {
    const profiles = Object.fromEntries(
      ALL.flatMap(([name, { profiles: of }]) => (of === undefined ? [] : [[name, of]])),
    );
    assert.deepEqual(profiles, { prometheus: ["observe"], grafana: ["observe"], jaeger: ["traces"] });
    for (const [name, { depends_on = {} }] of ALL.filter(([, service]) => service.profiles === undefined)) {
      for (const other of Object.keys(depends_on)) assert.equal(serviceOf(other).profiles, undefined, name);
    }
  });

  test("prometheus asks every service, on its port, and keeps a bounded history", () => {
    const { scrape_configs } = parse(read("deploy/prometheus/prometheus.yml")) as {
      scrape_configs: { dns_sd_configs?: { names: string[]; port: number }[] }[];
    };
    const found = scrape_configs.flatMap(({ dns_sd_configs = [] }) => dns_sd_configs);
    assert.deepEqual(found.flatMap(({ names }) => names).toSorted(), SERVICES.toSorted());
    for (const { port } of found) assert.equal(String(port), serviceOf("router").environment?.["SLUICE_PORT"]);
    assert.ok(serviceOf("prometheus").command?.some((word) => word.startsWith("--storage.tsdb.retention.size=")));
  });

  test("grafana lets nobody in without a password, and does not start without one", () => {
    const { environment = {}, entrypoint = [] } = serviceOf("grafana");
    assert.equal(environment["GF_AUTH_ANONYMOUS_ENABLED"], "false");
    assert.equal(environment["GF_USERS_ALLOW_SIGN_UP"], "false");
    assert.match(String(environment["GF_SECURITY_ADMIN_PASSWORD"]), /^\$\{GRAFANA_PASSWORD:-\}$/, "no default");
    const [shell = "", ...words] = entrypoint.map((word) =>
      word.replaceAll("$$", "$").replace("exec /run.sh", "echo up"),
    );
    const start = (password: string) =>
      spawnSync(shell, words, {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], GF_SECURITY_ADMIN_PASSWORD: password },
      });
    const refused = start("");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /GRAFANA_PASSWORD/);
    assert.equal(start("for-this-check-only").stdout, "up\n");
  });

  test("what is mounted from the checkout is there", () => {
    for (const [name, { volumes = [] }] of ALL) {
      for (const [path = ""] of volumes.map((volume) => volume.split(":")).filter(([from]) => from?.startsWith("./"))) {
        assert.ok(existsSync(join(ROOT, path)), `${name} mounts ${path}`);
      }
    }
  });

  test("nothing has rights that it does not need", () => {
    for (const [name, service] of ALL) {
      const { privileged, network_mode, pid, cap_add, devices, user, volumes = [] } = service;
      for (const right of [privileged, network_mode, pid, cap_add, devices]) assert.equal(right, undefined, name);
      assert.notEqual(user, "root");
      for (const volume of volumes) assert.doesNotMatch(volume, /docker\.sock|^\/[^:]*:/, `${name} mounts ${volume}`);
    }
  });

  test("every long-running container has a health check, and is waited for by condition", () => {
    for (const [name, { healthcheck, depends_on = {} }] of ALL) {
      if (name !== "init") assert.ok((healthcheck?.test?.length ?? 0) > 1, `${name} has no health check`);
      for (const [other, { condition }] of Object.entries(depends_on)) {
        serviceOf(other);
        assert.match(condition, /^service_(healthy|completed_successfully)$/);
      }
    }
  });

  test("data outlives its container", () => {
    for (const name of ["kafka", "redis", "postgres", "gateway", "results"]) {
      const volume = serviceOf(name).volumes?.at(-1) ?? "";
      assert.ok(Object.hasOwn(COMPOSE.volumes, volume.split(":")[0] ?? ""), name);
    }
  });

  test("no password has a default, and every secret comes from the environment", () => {
    const text = read("docker-compose.yml");
    assert.doesNotMatch(
      text,
      /\$\{(POSTGRES_PASSWORD|SLUICE_SECRET_KEY|GRAFANA_PASSWORD)(:?-[^}]|\})|\$\{(POSTGRES_PASSWORD|SLUICE_SECRET_KEY):?-/,
      "both must be given",
    );
    for (const [name, { environment = {} }] of ALL) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|TOKEN|API_KEY|DATABASE_URL/.test(variable))
          assert.match(String(value), /\$\{/, `${name} ${variable}`);
      }
    }
  });

  test("the compose client reads it", (context) => {
    const version = spawnSync("docker", ["compose", "version"], { encoding: "utf8" });
    if (version.status !== 0) return context.skip("docker compose is not installed here");
    const env = { ...process.env, POSTGRES_PASSWORD: "for-this-check-only", SLUICE_SECRET_KEY: "for-this-check-only" };
    const config = spawnSync("docker", ["compose", "-f", "docker-compose.yml", "config", "-q"], {
      cwd: ROOT,
      env,
      encoding: "utf8",
    });
    assert.equal(config.status, 0, config.stderr);
  });
});

describe("deploy/Dockerfile", () => {
  const text = read("deploy/Dockerfile");
  const stages = [...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);

  test("has stages for the packages and the model, and one that runs, on the Node that package.json pins", () => {
    const { dependencies } = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };
    const node = `node:${dependencies["node"]}-bookworm-slim`;
    assert.equal(stages.length, 3);
    assert.deepEqual([stages[0], stages[2]], [node, node]);
    assert.match(stages[1] ?? "", /^maven:\d[\w.-]+$/);
  });

  test("brings the model that the settings ask for, where its services look for it", () => {
    const { cache } = parseSettings(read("sluice.yaml"), "sluice.yaml");
    assert.match(text, new RegExp(`^COPY --from=model \\S+ models/${cache.semantic.embedding.model}$`, "m"));
    assert.match(
      text,
      new RegExp(`^ENV SLUICE_EMBEDDING_MODEL_DIR=/app/models/${cache.semantic.embedding.model}$`, "m"),
    );
    assert.match(read("tools/stack/model/pom.xml"), new RegExp(`<includes>${cache.semantic.embedding.model}\\.onnx,`));
  });

  test("installs what the lock file says, without development packages", () => {
    assert.match(text, /npm ci --omit=dev/);
  });

  test("runs as another user than root, in exec form", () => {
    const last = text.slice(text.lastIndexOf("FROM "));
    assert.match(last, /^USER node$/m);
    assert.ok(last.indexOf("USER node") < last.indexOf("\nCMD ["));
    assert.doesNotMatch(last, /^(CMD|ENTRYPOINT) (?!\[)/m);
  });

  test("what it copies is there, and is not ignored", () => {
    const allowed = new Set(
      read(".dockerignore")
        .split("\n")
        .filter((line) => line.startsWith("!"))
        .map((line) => line.slice(1)),
    );
    for (const [, list = ""] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const path of list.split(" ")) {
        assert.ok(existsSync(join(ROOT, path)), `${path} is missing`);
        assert.ok(allowed.has(path) || allowed.has(path.split("/")[0] ?? ""), `.dockerignore keeps ${path} away`);
      }
    }
  });
});
