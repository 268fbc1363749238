import { SluiceError } from "../libs/shared/errors.ts";

/** Waiting helps against a part that is away, and against none that refuses: somebody sits in front of this. */
export async function orGiveUp<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== "dependency_refuses") throw error;
    throw new SluiceError(error.code, error.message, { cause: error, ...(error.fix ? { fix: error.fix } : {}) });
  }
}
