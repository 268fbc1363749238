/** Settings of replays and of dead letters that are sent again. */
import { z } from "zod";

const count = z.int().positive();

export const replaySchema = z.strictObject({
  /** Records that one replay may have; what has more is split by time. */
  records_max: count.default(5_000_000),
  /** Read, worked on and published at once, in one transaction. */
  chunk: count.max(5_000).default(1_250),
  /** Records a second unless the replay says otherwise: of `reuse` and `what-if`, which call nothing, and of a stage. */
  rate_per_s: count.default(20_000),
  stage_rate_per_s: count.default(500),
  /** Calls under way at once, of `recompute` and `shadow`. */
  calls_in_flight_max: count.default(32),
  /** Whoever runs a replay and says nothing for so long is taken for dead. */
  lease_ms: z.int().min(2_000).default(10_000),
  /** A replay's Results stay on their topic for so long. */
  retention_hours: count.default(168),
  /** Rows of replays are kept for so long. */
  keep_days: count.max(3_650).default(90),
  /** Requests that a comparison keeps with their differences, the worst first. */
  worst_max: count.max(10_000).default(200),
});

export const dlqSchema = z.strictObject({
  /** A dead letter that came back so often is not sent again, unless told to. */
  redrives_max: count.default(3),
  rate_per_s: count.default(100),
});
