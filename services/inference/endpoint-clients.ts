/** The endpoints of the settings with their addresses and keys from the environment, and one HTTP client for each key. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { HttpModelClient } from "./http-client.ts";

export type EndpointAddress = {
  readonly name: string;
  readonly weight: number;
  readonly base_url: string;
  /** Used in turn; `[undefined]` for an endpoint without keys. */
  readonly keys: readonly (string | undefined)[];
};

export class EndpointClients {
  readonly #settings: Settings;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #clients = new Map<string, HttpModelClient>();

  constructor(settings: Settings, env: Readonly<Record<string, string | undefined>>) {
    this.#settings = settings;
    this.#env = env;
  }

  /** A variable that is set to nothing is not set. @throws SluiceError `settings_invalid` when its address is not set. */
  address(name: string): EndpointAddress {
    const endpoint = this.#settings.endpoints[name];
    const base_url = endpoint === undefined ? undefined : this.#env[endpoint.base_url_env] || undefined;
    if (endpoint === undefined || base_url === undefined) {
      throw new SluiceError("settings_invalid", `${endpoint?.base_url_env} is not set for endpoint "${name}"`, {
        fix: "Set it to an OpenAI-compatible URL that ends in /v1.",
      });
    }
    const keys = [endpoint.api_key_env].flat().flatMap((variable) => this.#env[variable] || []);
    return { name, weight: endpoint.weight, base_url, keys: keys.length === 0 ? [undefined] : keys };
  }

  client(name: string, api_key: string | undefined): HttpModelClient {
    const id = `${name} ${api_key ?? ""}`;
    let client = this.#clients.get(id);
    if (client === undefined) {
      const { base_url } = this.address(name);
      const { connections_max = 1 } = this.#settings.endpoints[name] ?? {};
      const { response_bytes_max } = this.#settings.inference;
      client = new HttpModelClient({ name, base_url, api_key, connections_max, response_bytes_max });
      this.#clients.set(id, client);
    }
    return client;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}
