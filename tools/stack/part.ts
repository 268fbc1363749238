import type { PartName } from "./home.ts";
import type { ProcessSpec } from "./supervisor.ts";

/** How one part is run on the ports it was given. The three functions get the ports in the order of `default_ports`. */
export type PartPlan = {
  readonly name: PartName;
  readonly default_ports: readonly number[];
  /** The folder that holds its data. */
  readonly data: string;
  /** Writes configuration and, the first time, the data folder. Called again when a port turned out to be taken. */
  readonly prepare: (ports: readonly number[]) => Promise<void>;
  readonly spec: (ports: readonly number[]) => ProcessSpec;
  /** What users of the part connect to. */
  readonly url: (ports: readonly number[]) => string;
  /** The last step, when the part answers (a database to create). */
  readonly finish?: (ports: readonly number[]) => Promise<void>;
};
