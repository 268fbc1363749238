/** The cache's answers and leads on Redis (`cache-answers.ts`). */
import type { ChainableCommander } from "ioredis";
import {
  type AnswerRef,
  aliveKey,
  answerKey,
  type CacheAnswers,
  decodeAnswer,
  ENDED_CHANNEL,
  type EndedLead,
  encodeAnswer,
  endedWord,
  type Keeping,
  LANES,
  type Look,
  leadKey,
  type Sight,
} from "./cache-answers.ts";
import { pipelineReplies, type RedisClient, withRedis } from "./client.ts";

/** Only the leader's own lead ends: a late word of an earlier one must not end another's. */
const END_LEAD = `
for _, key in ipairs(KEYS) do
  if redis.call("GET", key) == ARGV[1] then redis.call("DEL", key) end
end`;

export class RedisCacheAnswers implements CacheAnswers {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async look(looks: readonly Look[]): Promise<Sight[]> {
    if (looks.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const look of looks) {
      const { lead } = look;
      if (lead?.kind === "take") pipeline.set(leadKey(look, lead.lane), lead.id, "PX", lead.ttl_ms, "NX");
      if (lead !== undefined) pipeline.get(leadKey(look, lead.lane));
      pipeline.getBuffer(answerKey(look));
    }
    const replies = (await this.#run(pipeline)).values();
    const next = (): unknown => replies.next().value;
    return looks.map(({ lead }) => {
      if (lead?.kind === "take") next();
      const leader = lead === undefined ? null : (next() as string | null);
      return { leader: leader ?? undefined, answer: decodeAnswer(next() as Buffer | null) };
    });
  }

  async finish(answers: readonly Keeping[], leads: readonly EndedLead[], now_ms: number): Promise<void> {
    if (answers.length === 0 && leads.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const keeping of answers) keep(pipeline, keeping, now_ms);
    for (const lead of leads) {
      pipeline.eval(END_LEAD, LANES.length, ...LANES.map((lane) => leadKey(lead, lane)), lead.id);
      pipeline.publish(ENDED_CHANNEL, endedWord(lead));
    }
    await this.#run(pipeline);
  }

  async restore(answers: readonly Keeping[], now_ms: number): Promise<void> {
    if (answers.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const keeping of answers) keep(pipeline, keeping, now_ms, true);
    await this.#run(pipeline);
  }

  async remove(refs: readonly AnswerRef[]): Promise<void> {
    if (refs.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const ref of refs) pipeline.del(answerKey(ref));
    await this.#run(pipeline);
  }

  async isAlive(): Promise<boolean> {
    const pipeline = this.#redis.pipeline();
    for (const key of this.#aliveKeys()) pipeline.exists(key);
    return (await this.#run(pipeline)).every((there) => there === 1);
  }

  async setAlive(): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const key of this.#aliveKeys()) pipeline.set(key, "1");
    await this.#run(pipeline);
  }

  /** Of each server its own: any of them may be emptied. */
  #aliveKeys(): string[] {
    const { servers } = this.#redis;
    return servers === undefined ? [aliveKey()] : servers.masters().map(({ home }) => aliveKey(home));
  }

  #run(pipeline: ChainableCommander): Promise<unknown[]> {
    return withRedis(async () => pipelineReplies(await pipeline.exec()));
  }
}

/** An answer whose time is over is not kept: a time to live must be positive. */
function keep(pipeline: ChainableCommander, { answer, ...ref }: Keeping, now_ms: number, absent = false): void {
  const ttl_ms = Math.floor(answer.expires_ms - now_ms);
  if (ttl_ms <= 0) return;
  if (absent) pipeline.set(answerKey(ref), encodeAnswer(answer), "PX", ttl_ms, "NX");
  else pipeline.set(answerKey(ref), encodeAnswer(answer), "PX", ttl_ms);
}
