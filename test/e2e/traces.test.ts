/** Traces on the real parts, read back from a real receiver: an OpenTelemetry Collector. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Explanation } from "../../libs/shared/explain/explanation.ts";
import { type Receiver, receiverBinary, startReceiver } from "../../tools/otlp-receiver/receiver.ts";
import type { ReceivedSpan } from "../../tools/otlp-receiver/spans.ts";
import { Api } from "../support/api.ts";
import { allLogs, type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { chat, only, PROMPT_MARK } from "../support/requests.ts";
import { until } from "../support/until.ts";

const NAME = "traces";
const DELAY = "1s";
const EMBEDDING_MODEL = "text-embedding-3-small";
const CALLER = { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736", span_id: "00f067aa0ba902b7" };
const UNSAMPLED = "0af7651916cd43dd8448eb211c80319c";

const binary = await receiverBinary(ROOT);
const skip = "missing" in binary ? binary.missing : false;

describe("traces", { skip }, () => {
  let receiver: Receiver;
  let pipeline: Pipeline;
  let hook: Server;
  let hook_url: string;
  const told: IncomingHttpHeaders[] = [];
  const api = (): Api => new Api(pipeline.gateway_url);

  before(async () => {
    if ("missing" in binary) return;
    receiver = await startReceiver(binary.path, join(ROOT, ".sluice", "test", "otlp-receiver"));
    hook = createServer((request, reply) => {
      told.push(request.headers);
      request.resume();
      reply.writeHead(204).end();
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    hook_url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
    pipeline = await startPipeline({
      name: NAME,
      log_level: "debug",
      settings: {
        topics: { retry_delays: [DELAY] },
        tiers: { embedding: { batching: { wait_ms: 500 } } },
        cache: { exact: { enabled: true } },
        inference: { attempts_max: 1, redelivery: { rounds_max: 2 } },
        webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] },
      },
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: "200",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      },
    });
  });
  after(async () => {
    await pipeline?.stop();
    await receiver?.stop();
    hook?.close();
  });

  /** All of a trace's spans, once it has one that fits and all before it; in the order of their beginnings. Each service sends by itself. */
  async function traceWith(fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan[]> {
    let found: ReceivedSpan | undefined;
    await until("the trace is there", async () => {
      const all = receiver.spans();
      found = all.find(fits);
      let first = found;
      while (first !== undefined && first.parent_id !== "" && first.parent_id !== CALLER.span_id) {
        const { parent_id } = first;
        first = all.find(({ span_id }) => span_id === parent_id);
      }
      return first !== undefined;
    });
    return inTrace(found?.trace_id ?? "");
  }

  function inTrace(trace_id: string): ReceivedSpan[] {
    const spans = receiver.spans().filter((span) => span.trace_id === trace_id);
    return spans.sort((a, b) => (a.start_ns < b.start_ns ? -1 : 1));
  }

  /** From the trace's beginning to the webhook, with the call of the model; in the order of their beginnings. */
  function wayOf(all: readonly ReceivedSpan[]): ReceivedSpan[] {
    const way: ReceivedSpan[] = [];
    let at = all.findLast(({ name, status }) => name === "POST webhook" && status === 0);
    while (at !== undefined) {
      const child: ReceivedSpan = at;
      way.unshift(child);
      at = all.find(({ span_id }) => span_id === child.parent_id);
    }
    const ids = new Set(way.map(({ span_id }) => span_id));
    const calls = all.filter(
      ({ name, parent_id, status }) => name.startsWith("chat ") && ids.has(parent_id) && status === 0,
    );
    return [...way, ...calls].sort((a, b) => (a.start_ns < b.start_ns ? -1 : 1));
  }

  const endOf =
    (id: string) =>
    ({ service, attributes }: ReceivedSpan): boolean =>
      service === "sluice-results" && attributes["sluice.request.id"] === id;

  function hop(spans: readonly ReceivedSpan[], service: string, at = 0): ReceivedSpan {
    const span = spans.filter((one) => one.service === `sluice-${service}` && one.name.startsWith("process "))[at];
    assert.ok(span, `${service} has a span ${at} in ${spans.map((one) => `${one.service}: ${one.name}`).join(", ")}`);
    return span;
  }

  async function produced(name: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const id = pipeline.id(name);
    await pipeline.produce([{ key: id, value: { tenant: "demo", id, body }, headers }]);
    return id;
  }

  test("one request is a trace of all its hops, complete, in order, each the child of the one before", async () => {
    const id = pipeline.id("whole");
    const http = api();
    const { status } = await http.call("POST", "/v1/requests", {
      key: pipeline.api_key,
      body: { id, body: chat("whole"), callback: { url: hook_url } },
      headers: { traceparent: `00-${CALLER.trace_id}-${CALLER.span_id}-01`, tracestate: "vendor=own" },
    });
    assert.equal(status, 202);
    await pipeline.resultsOf([id]);
    await traceWith(({ name, trace_id }) => trace_id === CALLER.trace_id && name === "POST webhook");
    await traceWith((span) => endOf(id)(span));
    const all = inTrace(CALLER.trace_id);
    const spans = wayOf(all);
    const named = ({ service, name }: ReceivedSpan): string => `${service} ${name}`;
    // A hop that was tried again has a span a try: nothing else may be there.
    assert.deepEqual(new Set(all.map(named)), new Set(spans.map(named)));

    const services = ["gateway", "ingest", "router", "inference", "inference", "results", "results"];
    assert.deepEqual(
      spans.map(({ service }) => service),
      services.map((name) => `sluice-${name}`),
    );
    const [gateway, ingest, router, inference, call, results, webhook] = spans as [ReceivedSpan, ...ReceivedSpan[]];
    const parents = [
      CALLER.span_id,
      ...[gateway, ingest, router, inference, inference, results].map((one) => one?.span_id),
    ];
    assert.deepEqual(
      spans.map(({ parent_id }) => parent_id),
      parents,
    );
    assert.deepEqual(
      spans.map(({ kind }) => kind),
      [2, 5, 5, 5, 3, 5, 3],
    );
    assert.deepEqual(new Set(spans.map(({ trace_state }) => trace_state)), new Set(["vendor=own", ""]));
    for (const { status, start_ns, end_ns } of spans) assert.ok(status === 0 && end_ns >= start_ns);

    assert.equal(gateway.name, "POST /v1/requests");
    assert.equal(gateway.attributes["http.response.status_code"], 202);
    const { names } = pipeline;
    assert.equal(ingest?.attributes["messaging.destination.name"], names.requests);
    assert.equal(router?.attributes["messaging.destination.name"], names.admitted);
    assert.equal(router?.attributes["sluice.cache"], "miss");
    assert.equal(
      inference?.attributes["messaging.consumer.group.name"],
      `${pipeline.settings.consumption.group_prefix}inference.${router?.attributes["sluice.tier"]}`,
    );
    assert.equal(results?.attributes["messaging.destination.name"], names.outcomes);
    for (const one of [ingest, router, inference, results]) {
      assert.equal(one?.attributes["messaging.system"], "kafka");
      assert.match(String(one?.attributes["messaging.destination.partition.id"]), /^\d+$/);
      assert.equal(typeof one?.attributes["messaging.kafka.offset"], "number");
      assert.equal(one?.attributes["sluice.request.id"], id);
    }
    const model = router?.attributes["sluice.model"];
    assert.equal(call?.name, `chat ${model}`);
    assert.equal(call?.attributes["gen_ai.operation.name"], "chat");
    assert.equal(call?.attributes["gen_ai.request.model"], model);
    assert.equal(call?.attributes["gen_ai.response.model"], model);
    assert.ok(Number(call?.attributes["gen_ai.usage.input_tokens"]) > 0);
    assert.ok(Number(call?.attributes["gen_ai.usage.output_tokens"]) > 0);
    assert.equal(webhook?.attributes["http.response.status_code"], 204);
    assert.equal(told[0]?.["traceparent"], `00-${CALLER.trace_id}-${webhook?.span_id}-01`);

    const record = pipeline.results.records.find(({ value }) => value?.includes(id));
    assert.equal(record?.headers["traceparent"], `00-${CALLER.trace_id}-${results?.span_id}-01`);
    assert.equal(record?.headers["tracestate"], "vendor=own");
    const path = `/v1/requests/${id}/explain`;
    const { links } = await http.json<Explanation>("GET", path, { key: pipeline.admin_key });
    assert.match(links.traceparent ?? "", new RegExp(CALLER.trace_id));
    await http.close();
  });

  test("a stream's call says when its first token came", async () => {
    const http = api();
    const body = { ...chat("streamed"), model: "auto", stream: true };
    await http.call("POST", "/v1/chat/completions", { key: pipeline.api_key, body });
    const [call] = await traceWith(({ events }) => events.some(({ name }) => name === "gen_ai.first_token")).then(
      (all) => all.filter(({ name }) => name.startsWith("chat ")),
    );
    assert.equal(call?.attributes["gen_ai.request.stream"], true);
    assert.ok(Number(call?.attributes["gen_ai.response.time_to_first_chunk"]) > 0);
    await http.close();
  });

  test("a record without a trace begins one at ingest", async () => {
    const id = await produced("bare", chat("bare"));
    const spans = await traceWith(endOf(id));
    assert.deepEqual([spans[0]?.service, spans[0]?.parent_id], ["sluice-ingest", ""]);
  });

  test("what the caller does not sample is not recorded, and stays so", async () => {
    const id = await produced("quiet", chat("quiet"), { traceparent: `00-${UNSAMPLED}-00f067aa0ba902b7-00` });
    await pipeline.resultsOf([id]);
    const later = await produced("after-quiet", chat("after quiet"));
    await traceWith(endOf(later));
    assert.deepEqual(inTrace(UNSAMPLED), []);
    const record = pipeline.results.records.find(({ value }) => value?.includes(id));
    assert.match(record?.headers["traceparent"] ?? "", new RegExp(`^00-${UNSAMPLED}-.*-00$`));
  });

  test("what comes back by a retry topic is linked with the hop that sent it away", async () => {
    const id = await produced("again", chat("[[mock fault=503:1]] again"));
    assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
    const spans = await traceWith(endOf(id));
    const failed = hop(spans, "inference", 0);
    const back = hop(spans, "ingest", 1);
    assert.deepEqual(back.links, [
      { trace_id: failed.trace_id, span_id: failed.span_id, attributes: { "sluice.link.reason": "retry" } },
    ]);
    assert.equal(back.trace_id, failed.trace_id);
    assert.equal(failed.attributes["sluice.outcome"], "redelivered");
    const [first, second] = spans.filter(({ name }) => name.startsWith("chat "));
    assert.deepEqual([first?.status, second?.status], [2, 0]);
    assert.equal(hop(spans, "inference", 1).span_id, second?.parent_id);
  });

  test("a call for several is linked with each of them, and they with it", async () => {
    const embed = (name: string, input: string): Promise<string> =>
      produced(`together-${name}`, { model: EMBEDDING_MODEL, input: `${input} ${PROMPT_MARK}` });
    const made = async (): Promise<number> => (await pipeline.mockStats()).by_path["/v1/embeddings"] ?? 0;
    const before_calls = await made();
    // While a call is under way, the next ones gather.
    const opener = await embed("opener", "[[mock latency_ms=2000]]");
    await until("a call is under way", async () => (await made()) > before_calls);
    const ids = await Promise.all(Array.from({ length: 12 }, (_, at) => embed(String(at), `text ${at}`)));
    await pipeline.resultsOf([opener, ...ids]);
    const traces = await Promise.all(ids.map((id) => traceWith(endOf(id))));
    const hops = traces.map((spans) => hop(spans, "inference"));
    const calls = receiver.spans().filter(({ name }) => name === `embeddings ${EMBEDDING_MODEL}`);
    const shared = calls.filter(({ links }) => links.length > 1);
    assert.ok(shared.length > 0, "at least two were called for together");
    for (const call of shared) {
      assert.equal(call.parent_id, "");
      for (const { span_id, attributes } of call.links) {
        const member = hops.find((one) => one.span_id === span_id);
        assert.equal(attributes["sluice.link.reason"], "batch");
        assert.deepEqual(
          member?.links.map((link) => [link.trace_id, link.span_id]),
          [[call.trace_id, call.span_id]],
        );
      }
    }
  });

  test("an answer that another request got is linked with that request's trace", async () => {
    const first = await produced("kept", chat("kept"));
    await pipeline.resultsOf([first]);
    const second = await produced("hit", chat("kept"));
    const [kept, hit] = [await traceWith(endOf(first)), await traceWith(endOf(second))];
    const router = hop(hit, "router");
    assert.equal(router.attributes["sluice.cache"], "exact");
    assert.deepEqual(
      router.links.map(({ span_id, attributes }) => [span_id, attributes["sluice.link.reason"]]),
      [[hop(kept, "results").span_id, "cache"]],
    );
  });

  test("a line of a log about a record names its trace, which no prompt and no answer is in", async () => {
    const [span] = inTrace(CALLER.trace_id);
    assert.ok(span);
    const text = receiver.text();
    assert.ok(text.includes(CALLER.trace_id));
    assert.ok(!text.includes(PROMPT_MARK));
    const answers = pipeline.results.records.flatMap(({ value }) => {
      const found = /"content":"([^"]{12,40})/.exec(value?.toString("latin1") ?? "");
      return found?.[1] === undefined ? [] : [found[1]];
    });
    assert.ok(answers.length > 0 && answers.every((answer) => !text.includes(answer)));
    const lines = [...allLogs(NAME).values()].join("\n");
    assert.match(lines, /"msg":"tracing is on"/);
    assert.ok(lines.includes(`"trace_id":"${CALLER.trace_id}"`));
  });

  test("a receiver that is away costs spans, and no request", async () => {
    await receiver.stop();
    const ids = await Promise.all(Array.from({ length: 20 }, (_, at) => produced(`away-${at}`, chat(`away ${at}`))));
    const results = await pipeline.resultsOf(ids);
    for (const id of ids) assert.equal(only(results, id).status, "succeeded");
    await until("it is told of", async () =>
      [...allLogs(NAME).values()].some((log) => log.includes("spans do not arrive at the receiver")),
    );
    assert.deepEqual(pipeline.processes.deaths, []);
  });
});
