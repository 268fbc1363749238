/**
 * Holds that were granted to nobody: the ask was given up and came to Redis late, when its request had ended already. Neither a record
 * nor the ledger knows of them; in production the sweep ends them when their time is over.
 */
import type { Answer, Ask } from "../../libs/shared/budgets/admission-store.ts";
import type { Reservation } from "../../libs/shared/events/usage.ts";

export type Grant = { readonly tenant: string; readonly reservation: Reservation };

export class Granted {
  /** By hold. */
  readonly #unheard = new Map<string, Grant>();

  /** Of one step of the store, at which it was asked. */
  note(asks: readonly Ask[], answers: Promise<Answer[]>): Promise<Answer[]> {
    void answers.then((all) => {
      for (const [index, answer] of all.entries()) {
        const { tenant } = asks[index] as Ask;
        if (answer.kind !== "admitted") continue;
        this.#unheard.set(answer.reservation.hold_id, { tenant, reservation: answer.reservation });
      }
    });
    return answers;
  }

  /** Somebody has these answers. */
  heard(answers: readonly Answer[]): void {
    for (const answer of answers) {
      if (answer.kind === "admitted" || answer.kind === "redelivered") this.#unheard.delete(answer.reservation.hold_id);
    }
  }

  /** The counters are gone, or as the ledger says. */
  forget(): void {
    this.#unheard.clear();
  }

  get unheard(): readonly Grant[] {
    return [...this.#unheard.values()];
  }
}
