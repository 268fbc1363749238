/** The verifier: the guard's checks, then the fitted trees and the curve that makes a probability of their score. */
import { cosine } from "../embedding/quantized.ts";
import type { Calibration } from "./calibration.ts";
import { featuresOf, type ReadQuestion, readQuestion } from "./features.ts";
import { GUARDED_CHARS_MAX, type GuardCheck, guard, guardReadings } from "./guard/guard.ts";
import { type Reading, read } from "./guard/reading.ts";
import { probabilityOf } from "./platt.ts";
import { rarityOf } from "./rarity.ts";
import { thresholdIn } from "./thresholds.ts";
import { scoreOf } from "./trees.ts";
import type { Judgement, Question, Verifier } from "./verifier.ts";

/** Read when they are first needed: a pair that the guard refuses has no need of words. */
type Asked = { readonly question: Question; reading?: Reading; read?: ReadQuestion };

export class CalibratedVerifier implements Verifier {
  readonly #calibration: Calibration;
  readonly #vetoes: boolean;
  readonly #rarity: (stem: string) => number;
  /** A question that is asked meets some candidates one after the other: it is read once. */
  #last: Asked | undefined;

  /** @param max_error the part of the hits that may be wrong; it decides whether the guard's refusals stand or are weighed. */
  constructor(calibration: Calibration, max_error: number) {
    this.#calibration = calibration;
    this.#vetoes = thresholdIn(calibration.thresholds, max_error)?.weighed !== true;
    this.#rarity = rarityOf(calibration.rarity);
  }

  judge(left: Question, right: Question): Judgement {
    const similarity = cosine(left.vector, right.vector);
    if (this.#last?.question !== left) this.#last = { question: left };
    const asked = this.#last;
    const refused_by = guarded(asked, right.text);
    if (refused_by !== undefined && this.#vetoes) return { similarity, probability: 0, rejected_by: refused_by };
    asked.read ??= readQuestion(left);
    const { curve, forest } = this.#calibration;
    const row = featuresOf(asked.read, readQuestion(right), refused_by, this.#rarity);
    return { similarity, probability: probabilityOf(curve, scoreOf(forest, row)) };
  }

  thresholdFor(max_error: number): number | undefined {
    return thresholdIn(this.#calibration.thresholds, max_error)?.probability;
  }
}

function guarded(asked: Asked, text: string): GuardCheck | undefined {
  const { question } = asked;
  if (question.text.length > GUARDED_CHARS_MAX || text.length > GUARDED_CHARS_MAX) return guard(question.text, text);
  asked.reading ??= read(question.text);
  return guardReadings(asked.reading, read(text));
}
