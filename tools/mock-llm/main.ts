/** The command: reads its options, starts the server, prints its URL, and ends on SIGTERM or SIGINT. */

import { Command, InvalidArgumentError } from "commander";
import { describe } from "../../libs/shared/errors.ts";
import { FAULT_NAMES, type Fault, parseFault } from "./faults.ts";
import { DEFAULTS, type MockLlmOptions } from "./options.ts";
import { startMockLlm } from "./server.ts";

/** Answers under way get this long when the process is told to stop. */
const GRACE_MS = 3_000;

const HELP = `
Examples:
  $ node tools/mock-llm/main.ts --port 8090
  $ node tools/mock-llm/main.ts --ttft-ms 200 --itl-ms 15 --concurrency 32
  $ node tools/mock-llm/main.ts --rpm 600 --tpm 100000 --model small --model large --api-key secret
  $ node tools/mock-llm/main.ts --fault-rate 0.3 --faults 429,500,hang,reset
  $ node tools/mock-llm/main.ts --recorded answers.jsonl --weak-model small --strong-model large

One request decides for itself by headers (x-mock-latency-ms, x-mock-ttft-ms, x-mock-itl-ms, x-mock-tokens,
x-mock-logprob, x-mock-retry-after-ms, x-mock-fault: 429:2), by its body's metadata (mock_latency_ms, ...,
mock_fault), or by its last user message: [[mock latency_ms=50 fault=429:2]].

Faults: any status 400 to 599, ${FAULT_NAMES.join(", ")}. While it runs:
  $ curl -X POST localhost:8090/mock/faults -d '{"fault_rate":0.5,"faults":[503,"hang"],"latency_ms":200}'
  $ curl localhost:8090/stats; curl 'localhost:8090/stats/calls?min=2'; curl -X POST localhost:8090/stats/reset

Recorded answers are JSONL: {"prompt":"...","response":"..."}, or weak_response and strong_response, or
responses: {"<model>":"..."}.`;

type Flags = {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly ttftMs: number;
  readonly itlMs: number;
  readonly latencyMs?: number;
  readonly concurrency?: number;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly faultRate: number;
  readonly faults: readonly Fault[];
  readonly batchLatencyMs: number;
  readonly recorded?: string;
  readonly weakModel?: string[];
  readonly strongModel?: string[];
  readonly apiKey?: string;
  readonly model?: string[];
  readonly dimensions: number;
  readonly cacheMinTokens: number;
};

/** A parser of numbers within limits, for commander. */
function number(min: number, max: number, whole = true): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`Expected ${whole ? "a whole number" : "a number"} from ${min} to ${max}.`);
  };
}

function faultList(text: string): Fault[] {
  return text.split(",").map((name) => {
    const fault = parseFault(name.trim());
    if (fault !== undefined) return fault;
    throw new InvalidArgumentError(`Unknown fault '${name}': a status 400 to 599, or ${FAULT_NAMES.join(", ")}.`);
  });
}

const collect = (value: string, values: string[] | undefined) => [...(values ?? []), value];
const ms = number(0, 3_600_000, false);
const count = number(1, 1_000_000_000);

function createCommand(): Command {
  return new Command("mock-llm")
    .description(
      "An OpenAI-compatible model server that makes its answers up: deterministic, fast, and faulty on demand.",
    )
    .option("--port <n>", "where to listen; 0 picks a free port", number(0, 65_535), 8_090)
    .option("--host <address>", "where to listen", DEFAULTS.host)
    .option("--seed <n>", "answers, embeddings and random faults follow from it", number(0, 2 ** 32 - 1), DEFAULTS.seed)
    .option("--ttft-ms <ms>", "time to first token, when nothing of the prompt is cached", ms, DEFAULTS.ttft_ms)
    .option("--itl-ms <ms>", "time between two tokens", ms, DEFAULTS.itl_ms)
    .option("--latency-ms <ms>", "time of a whole answer, instead of the two above", ms)
    .option("--concurrency <n>", "calls answered at once; others wait in line", count)
    .option("--rpm <n>", "requests a minute and model", count)
    .option("--tpm <n>", "tokens a minute and model", count)
    .option("--fault-rate <share>", "share of calls that go wrong", number(0, 1, false), DEFAULTS.fault_rate)
    .option("--faults <list>", "what may go wrong, separated by commas", faultList, [...DEFAULTS.faults])
    .option("--batch-latency-ms <ms>", "time of a whole batch of the Batch API", ms, DEFAULTS.batch_latency_ms)
    .option("--recorded <file>", "JSONL of recorded answers")
    .option("--weak-model <name>", "a model that says weak_response (repeatable)", collect)
    .option("--strong-model <name>", "a model that says strong_response (repeatable)", collect)
    .option("--api-key <key>", "refuse any other key with 401")
    .option("--model <name>", "a model there is (repeatable); any other is refused with 404", collect)
    .option("--dimensions <n>", "size of embeddings that ask for none", number(1, 8_192), DEFAULTS.dimensions)
    .option("--cache-min-tokens <n>", "shorter prompts are not cached", count, DEFAULTS.cache_min_tokens)
    .addHelpText("after", HELP);
}

function toOptions(flags: Flags): MockLlmOptions {
  return {
    host: flags.host,
    port: flags.port,
    seed: flags.seed,
    ttft_ms: flags.ttftMs,
    itl_ms: flags.itlMs,
    latency_ms: flags.latencyMs,
    concurrency: flags.concurrency,
    rpm: flags.rpm,
    tpm: flags.tpm,
    fault_rate: flags.faultRate,
    faults: flags.faults,
    batch_latency_ms: flags.batchLatencyMs,
    recorded: flags.recorded,
    weak_models: flags.weakModel,
    strong_models: flags.strongModel,
    api_key: flags.apiKey,
    models: flags.model,
    dimensions: flags.dimensions,
    cache_min_tokens: flags.cacheMinTokens,
  };
}

async function main(): Promise<void> {
  const flags = createCommand().parse().opts<Flags>();
  const server = await startMockLlm(toOptions(flags));
  console.log(`mock-llm listening on ${server.url}`);
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    void server.close(GRACE_MS).then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

main().catch((error: unknown) => {
  console.error(`mock-llm: ${describe(error)}`);
  process.exit(1);
});
