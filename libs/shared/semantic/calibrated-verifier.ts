/** The verifier: the guard's checks, then the fitted trees and the curve that makes a probability of their score. */
import { cosine } from "../embedding/quantized.ts";
import { type Band, bandFor, type Calibration, WEIGHED_FROM } from "./calibration.ts";
import { featuresOf, type ReadQuestion, readQuestion } from "./features.ts";
import { guard } from "./guard/guard.ts";
import { probabilityOf } from "./platt.ts";
import { rarityOf } from "./rarity.ts";
import { thresholdIn } from "./thresholds.ts";
import { scoreOf } from "./trees.ts";
import type { Judgement, Question, Verifier } from "./verifier.ts";

/** For one setting of `max_error`: probabilities of two settings are not to be compared. */
export class CalibratedVerifier implements Verifier {
  readonly #calibration: Calibration;
  readonly #band: Band;
  readonly #vetoes: boolean;
  readonly #rarity: (stem: string) => number;
  /** A question that is asked meets some candidates one after the other: it is read once. */
  #last: { readonly question: Question; readonly read: ReadQuestion } | undefined;

  /** @param max_error the part of the hits that may be wrong: from `WEIGHED_FROM` on the guard's refusals are weighed, below they stand. */
  constructor(calibration: Calibration, max_error: number) {
    this.#calibration = calibration;
    this.#band = bandFor(calibration, max_error);
    this.#vetoes = max_error < WEIGHED_FROM;
    this.#rarity = rarityOf(calibration.rarity);
  }

  judge(left: Question, right: Question): Judgement {
    const similarity = cosine(left.vector, right.vector);
    const refused_by = guard(left.text, right.text);
    if (refused_by !== undefined && this.#vetoes) return { similarity, probability: 0, rejected_by: refused_by };
    if (this.#last?.question !== left) this.#last = { question: left, read: readQuestion(left) };
    const row = featuresOf(this.#last.read, readQuestion(right), refused_by, this.#rarity);
    return { similarity, probability: probabilityOf(this.#band.curve, scoreOf(this.#calibration.forest, row)) };
  }

  thresholdFor(max_error: number): number | undefined {
    return thresholdIn(this.#band.thresholds, max_error);
  }
}
