/** The token stream of one job, opened by its first streamed call and ended with the job; of a job without streams, nothing. */
import type { Usage } from "../../../libs/shared/events/fields.ts";
import type { TokenStream } from "./token-stream.ts";

export class JobTokens {
  readonly #open: () => TokenStream;
  #stream: TokenStream | undefined;

  constructor(open: () => TokenStream) {
    this.#open = open;
  }

  /** Before each streamed call. A reader drops what came of the one before. */
  begin(attempt: number, model: string, endpoint: string): TokenStream {
    this.#stream ??= this.#open();
    this.#stream.start({ attempt, model, endpoint });
    return this.#stream;
  }

  /** The job has its outcome. */
  end(status: Parameters<TokenStream["end"]>[0]["status"], usage: Usage | undefined): void {
    this.#stream?.end(usage === undefined ? { status } : { status, usage });
  }
}
