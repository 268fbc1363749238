/** Requests as records on `llm.requests`, or its twin for the batch lane. */
import { SluiceError } from "../../libs/shared/errors.ts";
import { inLane } from "../../libs/shared/events/topics.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";
import type { CliContext } from "../context.ts";
import type { IdentifiedRequest } from "./build.ts";

/** Registers (or finds) the schema that requests are written under. */
export async function prepareToWrite({ codec, names, settings }: CliContext): Promise<void> {
  const topics = [names.requests, names.batch(names.requests)];
  await codec.register(new Map(topics.map((topic) => [topic, "request"])), settings.schema_registry.compatibility);
}

/** @throws `message_too_large` for what ingest would refuse. */
export function requestRecord({ codec, names, settings }: CliContext, request: IdentifiedRequest): OutRecord {
  const topic = inLane(names.requests, request.lane ?? "interactive");
  const value = codec.encode(topic, Buffer.from(JSON.stringify(request)));
  const { record_bytes_max } = settings.topics;
  if (value.length > record_bytes_max) {
    throw new SluiceError(
      "message_too_large",
      `holds ${value.length} bytes; topics.record_bytes_max is ${record_bytes_max}`,
    );
  }
  return { topic, key: request.session ?? request.id, value };
}
