/** Which of the nearest entries may answer a question, and what is said of those that may not. Pure. */
import type { Question, Verifier } from "../../../libs/shared/semantic/verifier.ts";
import type { CacheAsk, CacheEvidence, IndexedEntry, Neighbour } from "./contract.ts";

export type Candidate = {
  readonly entry: IndexedEntry;
  readonly similarity: number;
  readonly probability: number;
  /** The guard's check, `threshold`, or `gone`; undefined while it may answer. */
  rejected_by?: string;
};

/**
 * @param near of the asking request's namespace. What is another tenant's all the same is passed over (I5).
 * @param threshold the least probability; undefined: none is enough.
 */
export function candidatesOf(
  ask: Pick<CacheAsk, "tenant" | "namespace">,
  question: Question,
  near: readonly Neighbour[],
  verifier: Pick<Verifier, "judge">,
  threshold: number | undefined,
): Candidate[] {
  return near.flatMap(({ entry, similarity }): Candidate[] => {
    const { tenant, namespace, text, vector } = entry;
    if (tenant !== ask.tenant || namespace !== ask.namespace || text === undefined || vector === undefined) return [];
    const { probability, rejected_by } = verifier.judge(question, { text, vector });
    const enough = threshold !== undefined && probability >= threshold;
    const by = rejected_by ?? (enough ? undefined : "threshold");
    return [{ entry, similarity, probability, ...(by === undefined ? {} : { rejected_by: by }) }];
  });
}

/** @returns undefined where there was nothing to look at. */
export function evidenceOf(candidates: readonly Candidate[], threshold: number | undefined): CacheEvidence | undefined {
  if (candidates.length === 0) return undefined;
  return {
    candidates: candidates.map(({ entry, similarity, probability, rejected_by }) => ({
      entry: entry.entry_id,
      similarity,
      probability,
      ...(rejected_by === undefined ? {} : { rejected_by }),
    })),
    ...(threshold === undefined ? {} : { threshold }),
  };
}
