/**
 * A sentence model in this thread: tokenizer and ONNX session, one text a run. Not several: the int8 model scales its activations by
 * the largest of the whole batch, so that a text's vector would depend on its neighbours (by 0.008 of cosine on average, 0.018 at
 * the most; docs/decisions/embeddings.md), and equal questions would not have equal vectors.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { meanOfTokens, truncateTokens } from "./pooling.ts";

/** What the model was trained with. */
const TOKENS_MAX = 256;

export type ModelFiles = { readonly onnx: string; readonly tokenizer: string };

/** As they lie in a folder: named after the model. */
export function modelFilesIn(model_dir: string, model: string): ModelFiles {
  return { onnx: join(model_dir, `${model}.onnx`), tokenizer: join(model_dir, `${model}-tokenizer.json`) };
}

export class SentenceModel {
  readonly #tokenizer: Tokenizer;
  readonly #session: InferenceSession;

  private constructor(tokenizer: Tokenizer, session: InferenceSession) {
    this.#tokenizer = tokenizer;
    this.#session = session;
  }

  /** @throws what reading the files throws. */
  static async load(files: ModelFiles): Promise<SentenceModel> {
    const tokenizer = new Tokenizer(JSON.parse(readFileSync(files.tokenizer, "utf8")), {});
    const session = await InferenceSession.create(files.onnx, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 3,
    });
    return new SentenceModel(tokenizer, session);
  }

  /** @returns a vector of length 1. */
  async embed(text: string): Promise<Float32Array> {
    const ids = truncateTokens(this.#tokenizer.encode(text).ids, TOKENS_MAX);
    const shape = [1, ids.length];
    const feeds: Record<string, Tensor> = {};
    for (const name of this.#session.inputNames) {
      feeds[name] = new Tensor("int64", valuesOf(name, ids), shape);
    }
    const output = (await this.#session.run(feeds))[this.#session.outputNames[0] as string] as Tensor;
    const vector = meanOfTokens(output.data as Float32Array, output.dims[2] as number);
    output.dispose();
    return vector;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function valuesOf(name: string, ids: readonly number[]): BigInt64Array {
  if (name === "input_ids") return BigInt64Array.from(ids, BigInt);
  return new BigInt64Array(ids.length).fill(name === "attention_mask" ? 1n : 0n);
}
