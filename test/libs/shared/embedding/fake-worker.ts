/** A thread that speaks as the one that embeds, and does what a text tells it: die, fail, stay silent. */
import { parentPort, workerData } from "node:worker_threads";

if ((workerData as { onnx: string }).onnx === "missing") throw new Error("no such file");

parentPort?.on("message", (request: { kind: string; id: number; texts: string[] }) => {
  if (request.kind === "close") return parentPort?.close();
  const [text = ""] = request.texts;
  if (text === "die") process.exit(1);
  if (text === "silent") return;
  if (text === "fail") return parentPort?.postMessage({ kind: "failed", id: request.id, message: "it is broken" });
  const values = Float32Array.from(request.texts.flatMap((one) => [one.length, 1]));
  parentPort?.postMessage({ kind: "vectors", id: request.id, values });
});
parentPort?.postMessage({ kind: "ready", dimensions: 2 });
