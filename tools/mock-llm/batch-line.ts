/**
 * One line of a batch, answered by the code that answers a direct call, and printed as a line of the output or error file.
 * Rate limits and slots are for direct calls: a provider runs batches beside them.
 */

import type { BatchLine } from "./batch-input.ts";
import { type ApiError, badRequest, errorBody, errorOfStatus } from "./errors.ts";
import type { Mock } from "./mock.ts";
import { faultOf, type ModelEndpoint, readRequest, statusFault, unknownModel } from "./model-call.ts";

/** Where a line goes, without its newline. */
export type LineOutcome = { readonly file: "output" | "error"; readonly text: string };

/** Runs one line of a batch for one endpoint. `error_rate` of the lines fail with 500. */
export type LineRunner = (mock: Mock, line: BatchLine, error_rate: number) => LineOutcome;

/** A line that the provider could not run, and why (`batch_expired`, `batch_cancelled`, `request_timeout`). */
export function unrunLine(mock: Mock, custom_id: string, code: string, message: string): LineOutcome {
  const text = JSON.stringify({ id: lineId(mock), custom_id, response: null, error: { code, message } });
  return { file: "error", text };
}

/** The runner of an endpoint's lines. */
export function lineRunner<T extends { readonly model: string }>(endpoint: ModelEndpoint<T>): LineRunner {
  return (mock, line, error_rate) => {
    const read = readRequest(endpoint, line.body, {});
    if (!read.ok) return refused(mock, line, read.error);
    if (line.body["stream"] === true) {
      return refused(mock, line, badRequest("A batch cannot stream its answers.", "stream"));
    }
    const { controls, key, request } = read;
    const fault_attempt = mock.stats.beginBatchCall(key);
    const unknown = unknownModel(mock, request.model);
    if (unknown !== undefined) return refused(mock, line, unknown);
    if (error_rate > 0 && mock.random() < error_rate) return refused(mock, line, errorOfStatus(500));
    const fault = faultOf(mock, { controls, fault_attempt });
    if (fault !== undefined) mock.stats.fault(String(fault));
    if (typeof fault === "number") return refused(mock, line, statusFault(fault, controls));
    if (fault === "hang") return unrunLine(mock, line.custom_id, "request_timeout", "The model call timed out.");
    if (fault === "garbage") return { file: "output", text: GARBAGE };
    const reply = endpoint.reply(mock, { request, key, controls, slow: false });
    mock.stats.spendInBatch(reply);
    const text = answered(mock, line, 200, "body" in reply.content ? reply.content.body : "null");
    const cut = fault === "truncate" || fault === "reset";
    return { file: "output", text: cut ? text.slice(0, text.length >> 1) : text };
  };
}

const GARBAGE = '<html>\ufffd{"choices":[[[';

function refused(mock: Mock, line: BatchLine, error: ApiError): LineOutcome {
  return { file: "error", text: answered(mock, line, error.status, errorBody(error)) };
}

/** `body` is JSON already. */
function answered(mock: Mock, { custom_id }: BatchLine, status_code: number, body: string): string {
  const id = lineId(mock);
  const head = `{"id":"${id}","custom_id":${JSON.stringify(custom_id)},"response":{"status_code":${status_code}`;
  return `${head},"request_id":"req_${id.slice("batch_req_".length)}","body":${body}},"error":null}`;
}

function lineId(mock: Mock): string {
  mock.sequence += 1;
  return `batch_req_${mock.seed.toString(36)}x${mock.sequence.toString(36)}`;
}
