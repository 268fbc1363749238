/** What a service reads from its environment: addresses and secrets. Only main.ts and the command line pass it in. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { SluiceError } from "../errors.ts";
import {
  accessSchema,
  databaseUrl,
  type KafkaAccess,
  kafkaAccess,
  type RegistryAccess,
  registryAccess,
} from "./access.ts";
import { type RedisAddress, redisAddress, redisVariables } from "./redis.ts";

const level = z.enum(["debug", "info", "warn", "error", "silent"]);

const environmentSchema = accessSchema.extend({
  ...redisVariables,
  SLUICE_SETTINGS: z.string().default("sluice.yaml"),
  SLUICE_HOST: z.string().default("127.0.0.1"),
  SLUICE_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  SLUICE_LOG_LEVEL: level.default("info"),
  SLUICE_EMBEDDING_MODEL_DIR: z.string().optional(),
  SLUICE_FILES_URL: z.string().default(""),
  SLUICE_SECRET_KEY: z.string().default(""),
});

export type Environment = {
  readonly kafka: KafkaAccess;
  readonly registry: RegistryAccess;
  readonly redis: RedisAddress;
  /** With `sslmode` and `sslrootcert` where there is TLS. */
  readonly database_url: string;
  readonly settings_file: string;
  readonly host: string;
  readonly port: number;
  readonly log_level: z.infer<typeof level>;
  /** The folder with the files of the model that embeds in process; undefined where there is none. */
  readonly embedding_model_dir: string | undefined;
  /** Where files are kept: `file:///a/folder` or `s3://bucket/prefix`; a folder beside the program unless it is given. */
  readonly files_url: string;
  /** What webhook secrets are derived from; undefined: there are no webhooks. */
  readonly secret_key: string | undefined;
};

/** @throws SluiceError `settings_invalid` that names the variable. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const parsed = environmentSchema.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new SluiceError("settings_invalid", `the environment is incomplete: ${problems.join("; ")}`, {
      fix: "`npm start` sets all of it; docs/operations.md lists the variables.",
    });
  }
  const read = parsed.data;
  return {
    kafka: kafkaAccess(read),
    registry: registryAccess(read),
    redis: redisAddress(read),
    database_url: databaseUrl(read),
    settings_file: read.SLUICE_SETTINGS,
    host: read.SLUICE_HOST,
    port: read.SLUICE_PORT,
    log_level: read.SLUICE_LOG_LEVEL,
    embedding_model_dir: read.SLUICE_EMBEDDING_MODEL_DIR || undefined,
    files_url: read.SLUICE_FILES_URL || pathToFileURL(resolve(".sluice/files")).href,
    secret_key: read.SLUICE_SECRET_KEY || undefined,
  };
}
