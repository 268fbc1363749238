/** A thread that embeds: texts in by message, their vectors out in one transferred array. Started by `worker-pool.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { type ModelFiles, SentenceModel } from "./sentence-model.ts";

export type WorkerRequest =
  | { readonly kind: "embed"; readonly id: number; readonly texts: readonly string[] }
  | { readonly kind: "close" };

export type WorkerReply =
  | { readonly kind: "ready"; readonly dimensions: number }
  | { readonly kind: "vectors"; readonly id: number; readonly values: Float32Array }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

const port = parentPort;
if (port === null) throw new Error("worker.ts runs as a worker thread alone");

const model = await SentenceModel.load(workerData as ModelFiles);
const { length: dimensions } = await model.embed("ready");

async function embedAll(texts: readonly string[]): Promise<Float32Array<ArrayBuffer>> {
  const values = new Float32Array(texts.length * dimensions);
  for (const [at, text] of texts.entries()) values.set(await model.embed(text), at * dimensions);
  return values;
}

let last: Promise<void> = Promise.resolve();

async function answer(request: WorkerRequest): Promise<void> {
  if (request.kind === "close") {
    await model.release();
    port?.close();
    return;
  }
  const { id, texts } = request;
  try {
    const values = await embedAll(texts);
    port?.postMessage({ kind: "vectors", id, values } satisfies WorkerReply, [values.buffer]);
  } catch (error) {
    port?.postMessage({ kind: "failed", id, message: String(error) } satisfies WorkerReply);
  }
}

port.on("message", (request: WorkerRequest) => {
  last = last.then(() => answer(request));
});
port.postMessage({ kind: "ready", dimensions } satisfies WorkerReply);
