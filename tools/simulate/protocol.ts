/** Errors as the client library gives them: `type` is the protocol's name of what went wrong. */

export type ProtocolErrorType =
  | "UNKNOWN_MEMBER_ID"
  | "ILLEGAL_GENERATION"
  | "REBALANCE_IN_PROGRESS"
  | "OFFSET_METADATA_TOO_LARGE"
  | "INVALID_PRODUCER_EPOCH"
  | "INVALID_TXN_STATE"
  | "MESSAGE_TOO_LARGE"
  | "REQUEST_TIMED_OUT";

export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly type: ProtocolErrorType;

  constructor(type: ProtocolErrorType) {
    super(type);
    this.type = type;
  }
}

/** What a caller is told when no answer came in time. */
export function timedOut(): ProtocolError {
  return new ProtocolError("REQUEST_TIMED_OUT");
}
