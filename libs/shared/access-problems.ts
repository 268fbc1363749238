/** Tells a part that refuses us, or that we do not trust, from one that is away: waiting helps against neither. Pure. */

export type AccessVariables = {
  /** Where the CA's certificate is given. */
  readonly ca: string;
  /** Where user name and password are given. */
  readonly credentials: string;
};

const VARIABLES: Readonly<Record<string, AccessVariables>> = {
  kafka: { ca: "KAFKA_SSL_CA_FILE", credentials: "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" },
  schema_registry: {
    ca: "SCHEMA_REGISTRY_CA_FILE",
    credentials: "SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD",
  },
  redis: { ca: "REDIS_CA_FILE", credentials: "the user name and password in REDIS_URL" },
  postgres: { ca: "DATABASE_CA_FILE", credentials: "the user name and password in DATABASE_URL" },
};

// Node's texts: some clients hand on the message and lose the code.
const UNTRUSTED =
  /self[- ]signed certificate|unable to verify the first certificate|unable to get (local )?issuer certificate/i;
const EXPIRED = /certificate has expired|certificate is not yet valid/i;
const OTHER_NAME = /does not match certificate's altnames|ERR_TLS_CERT_ALTNAME_INVALID/i;
const NO_TLS =
  /wrong version number|before secure TLS connection was established|does not support SSL|packet length too long/i;
const WANTS_TLS = /no encryption|connection requires TLS|SSL (off|required)/i;
const REFUSED =
  /SASL.*(fail|invalid|error|denied)|authentication failed|password authentication|invalid credentials|WRONGPASS|NOAUTH|status 40[13]\b|unauthori[sz]ed/i;
const REFUSED_NAMES = new Set(["KafkaJSSASLAuthenticationError"]);
/** Postgres: class 28 is about authorization. */
const REFUSED_STATES = /^28[0-9A-Z]{3}$/;
const DEPTH_MAX = 6;

/** One sentence on what to change; undefined where the part may just be away. */
export function accessFix(dependency: string, error: unknown): string | undefined {
  const variables = VARIABLES[dependency];
  if (variables === undefined) return undefined;
  for (const { name, code, message, status } of chain(error)) {
    if (UNTRUSTED.test(message)) {
      return `Its certificate is signed by a CA that is not trusted here: set ${variables.ca} to that CA's certificate (PEM).`;
    }
    if (EXPIRED.test(message)) return "Renew its certificate, or correct this machine's clock.";
    if (OTHER_NAME.test(message)) return "Reach it by a host name that its certificate holds.";
    if (NO_TLS.test(message)) return "It does not speak TLS at this address: use its TLS port, or connect without TLS.";
    if (WANTS_TLS.test(message)) return "It takes encrypted connections only: switch TLS on for it.";
    const refused = status === 401 || status === 403 || REFUSED_NAMES.has(name) || REFUSED_STATES.test(code);
    if (refused || REFUSED.test(message))
      return `It refuses the user name or the password: correct ${variables.credentials}.`;
  }
  return undefined;
}

type Link = { readonly name: string; readonly code: string; readonly message: string; readonly status: number };

/** An error and what it wraps, in the ways that our clients wrap. */
function* chain(error: unknown): Generator<Link> {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < DEPTH_MAX; depth += 1) {
    const { code, status, originalError } = at as { code?: unknown; status?: unknown; originalError?: unknown };
    yield { name: at.name, code: String(code ?? ""), message: at.message, status: Number(status) };
    if (at instanceof AggregateError && at.errors.length > 0) at = at.errors[0];
    else at = originalError ?? at.cause;
  }
}
