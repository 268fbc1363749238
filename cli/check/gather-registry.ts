/** What the registry has under our subjects, and whether it would take this version's schemas. Asks, and registers nothing. */
import { Agent, request } from "undici";
import type { RegistryAccess } from "../../libs/shared/config/access.ts";
import { SluiceError, unavailable } from "../../libs/shared/errors.ts";
import { jsonSchemaOf } from "../../libs/shared/events/json-schema.ts";
import type { EventName } from "../../libs/shared/events/topics.ts";
import type { RegistryFacts } from "./stores.ts";

const WAIT_MS = 10_000;
/** Subjects asked about at once. */
const AT_ONCE = 8;

type Asked = { readonly status: number; readonly body: unknown };

/** @throws retryable when the registry is away. */
export async function gatherRegistry(
  access: RegistryAccess,
  events: ReadonlyMap<string, EventName>,
): Promise<RegistryFacts> {
  const dispatcher = new Agent({ connect: access.ca === undefined ? {} : { ca: access.ca } });
  const headers = {
    "content-type": "application/vnd.schemaregistry.v1+json",
    ...(access.auth === undefined
      ? {}
      : {
          authorization: `Basic ${Buffer.from(`${access.auth.username}:${access.auth.password}`).toString("base64")}`,
        }),
  };
  const ask = async (path: string, body?: object): Promise<Asked> => {
    try {
      const response = await request(`${access.url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers,
        dispatcher,
        headersTimeout: WAIT_MS,
        bodyTimeout: WAIT_MS,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const said: unknown = await response.body.json().catch(() => undefined);
      if (response.statusCode < 500) return { status: response.statusCode, body: said };
      throw new SluiceError("dependency_unavailable", `the registry answers ${response.statusCode}`, {
        retryable: true,
      });
    } catch (error) {
      throw unavailable("schema_registry", error);
    }
  };
  try {
    const whole = await ask("/config");
    const subjects: RegistryFacts["subjects"][number][] = [];
    const waiting = [...events];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        subjects.push(await subjectOf(ask, `${next[0]}-value`, next[1]));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    subjects.sort((left, right) => (left.subject < right.subject ? -1 : 1));
    return { compatibility: levelOf(whole.body), subjects };
  } finally {
    await dispatcher.close();
  }
}

async function subjectOf(
  ask: (path: string, body?: object) => Promise<Asked>,
  subject: string,
  event: EventName,
): Promise<RegistryFacts["subjects"][number]> {
  const schema = { schemaType: "JSON", schema: JSON.stringify(jsonSchemaOf(event)) };
  const tried = await ask(`/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest`, schema);
  if (tried.status === 404) return { subject, fits: undefined };
  if (tried.status >= 400) {
    throw new SluiceError("dependency_unavailable", `the registry answers ${tried.status} about ${subject}`);
  }
  const level = levelOf((await ask(`/config/${encodeURIComponent(subject)}`)).body);
  const fits = (tried.body as { is_compatible?: boolean } | undefined)?.is_compatible !== false;
  return { subject, fits, ...(level === undefined ? {} : { level }) };
}

function levelOf(body: unknown): string | undefined {
  const level = (body as { compatibilityLevel?: unknown } | undefined)?.compatibilityLevel;
  return typeof level === "string" ? level : undefined;
}
