/** The call that every contender makes: one chat completion of the mock, its answer read to the end. */
import { Agent, request } from "undici";

/** @returns the answer, as bytes. */
export function modelCaller(base_url: string, connections: number): (body: Buffer) => Promise<Buffer> {
  const dispatcher = new Agent({ connections });
  const headers = { "content-type": "application/json" };
  return async (body) => {
    const answer = await request(`${base_url}/chat/completions`, { method: "POST", dispatcher, headers, body });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode !== 200) throw new Error(`the mock answered ${answer.statusCode}`);
    return bytes;
  };
}

/** Tells the parent of one completion, by its time. */
export function completed(): void {
  process.send?.({ at_ms: Date.now() });
}

/** The parent is told that the work can come; when it is gone, so is this process. */
export function ready(): void {
  process.once("disconnect", () => process.exit(0));
  process.once("SIGTERM", () => process.exit(0));
  process.send?.("ready");
}
