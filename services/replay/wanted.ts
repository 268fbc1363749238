/** What a replay's specification asks for beside its records: the settings that it tries, and where webhooks are told. */
import { parseSettings } from "../../libs/shared/config/parse.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { ReplaySpec } from "../../libs/shared/replay/replay.ts";
import type { WebhookOutbox } from "../../libs/shared/webhooks/event.ts";
import { PostgresOutbox } from "../../libs/shared/webhooks/outbox.ts";
import type { ReplayParts } from "./parts.ts";

/** Those that the replay brings, or the deployed ones. @throws `settings_invalid` */
export function settingsOf(deployed: Settings, { settings }: Pick<ReplaySpec, "settings">): Settings {
  return settings === undefined ? deployed : parseSettings(settings.yaml, settings.name);
}

/** @returns undefined where nobody is to be told. @throws SluiceError `usage` where there is nothing to sign with. */
export function outboxOf(
  { pool, clock, environment }: Pick<ReplayParts, "pool" | "clock" | "environment">,
  { webhooks }: Pick<ReplaySpec, "webhooks">,
): WebhookOutbox | undefined {
  if (webhooks !== true) return undefined;
  if (environment.secret_key !== undefined) return new PostgresOutbox(pool, clock);
  const fix = "Set SLUICE_SECRET_KEY as of the services, or leave webhooks out.";
  throw new SluiceError("usage", "webhooks are signed, and there is no secret key", { fix });
}
