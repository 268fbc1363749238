/** Whether model endpoints answer: one `GET /models` each, with the first key. */
import { request } from "undici";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { EndpointFacts } from "./models.ts";

const WAIT_MS = 5_000;
const BODY_BYTES_MAX = 1_000_000;

export function gatherEndpoints(
  { endpoints, tiers }: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<EndpointFacts[]> {
  const used = new Set(Object.values(tiers).flatMap(({ endpoint }) => [endpoint ?? "default"].flat()));
  const asked = Object.entries(endpoints).filter(([name]) => used.has(name));
  return Promise.all(
    asked.map(async ([name, { base_url_env, api_key_env }]) => {
      const base_url = env[base_url_env] || undefined;
      const keys = [api_key_env].flat().flatMap((variable) => env[variable] || []);
      if (base_url === undefined || !URL.canParse(base_url)) {
        return { name, base_url: undefined, keys: keys.length, answer: undefined, is_mock: false };
      }
      return { name, base_url, keys: keys.length, ...(await ask(base_url, keys[0])) };
    }),
  );
}

async function ask(base_url: string, key: string | undefined): Promise<Pick<EndpointFacts, "answer" | "is_mock">> {
  try {
    const { statusCode, body } = await request(`${base_url.replace(/\/$/, "")}/models`, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      headersTimeout: WAIT_MS,
      bodyTimeout: WAIT_MS,
    });
    await body.dump({ limit: BODY_BYTES_MAX });
    return { answer: { status: statusCode }, is_mock: await isMock(base_url) };
  } catch (error) {
    return { answer: { error: (error as Error).message }, is_mock: false };
  }
}

/** The bundled mock model server alone has this. */
async function isMock(base_url: string): Promise<boolean> {
  const { statusCode, body } = await request(new URL("/mock/faults", base_url), { headersTimeout: WAIT_MS });
  const said = await body.text();
  return statusCode === 200 && said.includes("fault_rate");
}
