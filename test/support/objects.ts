/** One object of every kind that the gateway has, made by the tenant demo: ended ones, and some that stay under way. */
import { type Api, pathOf } from "./api.ts";
import type { Pipeline } from "./pipeline.ts";
import { chat } from "./requests.ts";
import { until } from "./until.ts";

export type View = { readonly id: string; readonly status: string } & Record<string, unknown>;
export type List = { readonly data: readonly View[] };

export type Objects = {
  /** By the first step of the routes that take them. */
  readonly ids: Readonly<Record<string, readonly string[]>>;
  readonly input_file: string;
  /** Under way until inference is started again. */
  readonly open: { readonly request: string; readonly batch: string; readonly map_reduce: string };
};

const ENDED = ["completed", "succeeded", "failed", "expired", "cancelled"];
const WINDOW = { endpoint: "/v1/chat/completions", completion_window: "24h" };

/** A batch's body. */
export const batchOf = (input_file_id: string): object => ({ input_file_id, ...WINDOW });

export function endOf(api: Api, key: string, path: string): Promise<View> {
  return until(`${path} has ended`, async () => {
    const view = await api.json<View>("GET", path, { key });
    return ENDED.includes(view.status) && view;
  });
}

/** Uploads a batch's file of one line. */
export async function upload(api: Api, key: string): Promise<string> {
  const body = chat("a line", { model: "small" });
  const line = { custom_id: "one", method: "POST", url: WINDOW.endpoint, body };
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", new Blob([JSON.stringify(line)]), "input.jsonl");
  // A request of fetch's knows the form's type, with its boundary.
  const { headers, body: bytes } = new Request("http://none", { method: "POST", body: form });
  const type = headers.get("content-type") ?? "";
  const text = await new Response(bytes).text();
  return (await api.json<View>("POST", "/v1/files", { key, body: text, headers: { "content-type": type } })).id;
}

/** @param hook_url answers 2xx. Ends inference, so that what is made last stays under way. */
export async function makeObjects(pipeline: Pipeline, api: Api, hook_url: string): Promise<Objects> {
  const key = pipeline.api_key;
  const get = <T>(path: string) => api.json<T>("GET", path, { key });
  const make = async (path: string, body: object, name: string): Promise<string> => {
    const headers = { "idempotency-key": pipeline.id(name) };
    return (await api.json<View>("POST", path, { key, body, headers })).id;
  };
  const webhook = await make("/v1/webhooks", { url: hook_url, events: ["request.completed"] }, "webhook");
  const input_file = await upload(api, key);
  const makeJobs = async (name: string) => ({
    request: await make("/v1/requests", { id: pipeline.id(name), body: chat(name) }, name),
    batch: await make("/v1/batches", batchOf(input_file), name),
    map_reduce: await make(
      "/v1/map-reduce",
      { documents: [`document ${name}`], map: { prompt: "Say it." }, reduce: { prompt: "Join." } },
      name,
    ),
  });
  const done = await makeJobs("ended");
  const [, ended] = await Promise.all([
    endOf(api, key, `/v1/requests/${done.request}`),
    endOf(api, key, `/v1/batches/${done.batch}`),
    endOf(api, key, `/v1/map-reduce/${done.map_reduce}`),
  ]);
  const of_batch = await get<List>(`/v1/batches/${done.batch}/requests`);
  const told = await until("the webhook is told", async () => {
    const { data } = await get<List>(pathOf({ path: "/v1/webhooks/{id}/deliveries" }, webhook));
    return data.every(({ status }) => status === "delivered") && data[0];
  });
  // Nobody answers now.
  await pipeline.processes.stop("inference");
  const open = await makeJobs("open");
  await until("the jobs under way wait for answers", async () => {
    const jobs = [`/v1/batches/${open.batch}`, `/v1/map-reduce/${open.map_reduce}`];
    const views = await Promise.all(jobs.map((path) => get<View>(path)));
    return views.every(({ status }) => status === "in_progress");
  });
  return {
    ids: {
      requests: [done.request, open.request, of_batch.data[0]?.id ?? ""],
      files: [input_file, String(ended["output_file_id"]), `file-${done.map_reduce}-shards`],
      batches: [done.batch, open.batch],
      "map-reduce": [done.map_reduce, open.map_reduce],
      webhooks: [webhook],
      deliveries: [told.id],
      models: ["large"],
    },
    input_file,
    open,
  };
}
