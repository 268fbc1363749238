import type { PartName } from "./home.ts";
import type { ProcessSpec } from "./supervisor.ts";

/** How one part is run on the ports it was given. The functions get the ports in the order of `default_ports`. */
export type PartPlan = {
  readonly name: PartName;
  readonly default_ports: readonly number[];
  /** The folder that holds its data. */
  readonly data: string;
  /** Writes configuration and, the first time, the data folder. Called again when a port turned out to be taken. */
  readonly prepare: (ports: readonly number[]) => Promise<void>;
  /** Its processes, started side by side: one, but for a cluster of brokers. */
  readonly specs: (ports: readonly number[]) => readonly [ProcessSpec, ...ProcessSpec[]];
  /** What users of the part connect to. */
  readonly url: (ports: readonly number[]) => string;
  /** The last step, when the part answers (a database to create). */
  readonly finish?: (ports: readonly number[]) => Promise<void>;
};

/** PEM files: a certificate with the chain behind it, and its key (PKCS #8, without a password). */
export type CertificateFiles = { readonly certificate: string; readonly key: string };
