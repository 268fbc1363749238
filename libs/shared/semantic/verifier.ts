/** Whether an answer to one question answers another, as a contract: the guard's vetoes, then a calibrated probability. */

/** A question and its embedding, as it is kept: one signed byte per dimension. */
export type Question = { readonly text: string; readonly vector: Int8Array };

export type Judgement = {
  /** Cosine of the two vectors. */
  readonly similarity: number;
  /** That one answer serves both; 0 where the guard refuses. */
  readonly probability: number;
  /** The guard's check that refuses: `numbers`, `negation`, `direction`… */
  readonly rejected_by?: string;
};

export interface Verifier {
  /** Symmetric in its two questions. Takes well under a millisecond. */
  judge(left: Question, right: Question): Judgement;
  /**
   * From this probability on at most a part of `max_error` of the hits is wrong, with the calibration's confidence; undefined where the
   * calibration cannot promise it: then nothing is a hit.
   */
  thresholdFor(max_error: number): number | undefined;
}
