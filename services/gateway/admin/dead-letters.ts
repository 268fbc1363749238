/** Dead letters: by reason, one by one, and redriven or dropped, after a dry run. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { DeadLetters } from "../../../libs/shared/dead-letters/dead-letters.ts";
import type { Routes } from "../route.ts";
import { sendNone } from "../sending.ts";
import { type AdminDeps, actor, adminDoc, adminOf, askedOf, noteAct, sendConflict } from "./acting.ts";
import type { LetterAct, LetterRuns } from "./dead-letter-runs.ts";
import * as shapes from "./dead-letter-shapes.ts";

export type AdminDeadLetterDeps = AdminDeps & {
  readonly letters: Pick<DeadLetters, "groups" | "list" | "find">;
  readonly runs: LetterRuns;
};

type One = { Params: { place: string } };

/** Reading for somebody who waits: what is told then says that it is not all. */
const READ_MS_MAX = 15_000;
const READS_MAX = 2;

export function adminDeadLetterRoutes(deps: AdminDeadLetterDeps): Routes {
  const groups = {
    query: shapes.groupsQuery,
    replies: { 200: { what: "The most waiting first", json: shapes.groupsSchema } },
  };
  const letters = {
    query: shapes.listQuery,
    replies: { 200: { what: "The latest first", json: shapes.lettersSchema } },
  };
  const one = { replies: { 200: { what: "The letter", json: shapes.oneSchema }, 404: { what: "There is none" } } };
  const acting = {
    body: shapes.actBody,
    replies: {
      200: { what: "What it would do", json: shapes.dryReply },
      202: { what: "It is under way", json: shapes.runReply },
      409: { what: "Another one is under way" },
    },
  };
  const run = { replies: { 200: { what: "The one under way, or the last one", json: shapes.runReply } } };
  const watch = watches(deps);
  return (app) => {
    app.get("/admin/dead-letters", adminDoc("Dead letters by reason", groups), async (http, reply) => {
      const call = askedOf(deps, shapes.groupsQuery, "query", http, reply);
      if (call === undefined) return reply;
      const { value, partial } = await watch((stopping) =>
        deps.letters.groups(shapes.filterOf(call.asked), { stopping }),
      );
      return reply.send({ object: "list", partial, data: value });
    });
    app.get("/admin/dead-letters/list", adminDoc("List dead letters", letters), async (http, reply) => {
      const call = askedOf(deps, shapes.listQuery, "query", http, reply);
      if (call === undefined) return reply;
      const { limit, id, ...asked } = call.asked;
      const filter = shapes.filterOf({ ...asked, ...(id === undefined ? {} : { ids: [id] }) });
      const { value, partial } = await watch((stopping) => deps.letters.list(filter, limit, { stopping }));
      return reply.send({ object: "list", partial, data: value.map(shapes.listedLetter) });
    });
    app.get("/admin/dead-letters/run", adminDoc("The redrive or drop under way", run), (http, reply) =>
      adminOf(deps, http, reply) === undefined ? reply : sendRun(deps, reply, 200),
    );
    app.post(
      "/admin/dead-letters/run",
      adminDoc("Redrive or drop dead letters, after a dry run", acting),
      (http, reply) => act(deps, watch, http, reply),
    );
    app.post(
      "/admin/dead-letters/run/stop",
      adminDoc("Stop the redrive or drop under way", run),
      async (http, reply) => {
        const caller = adminOf(deps, http, reply);
        if (caller === undefined) return reply;
        await deps.runs.stop();
        noteAct(deps, caller, "stop_dead_letters");
        return sendRun(deps, reply, 200);
      },
    );
    app.get<One>("/admin/dead-letters/:place", adminDoc("Look at a dead letter", one), async (http, reply) => {
      if (adminOf(deps, http, reply) === undefined) return reply;
      const [found] = PLACE.test(http.params.place) ? await deps.letters.find(http.params.place) : [];
      if (found === undefined)
        return sendNone(reply, "place", "there is no such dead letter, or retention has taken it");
      return reply.send(shapes.foundLetter(found));
    });
  };
}

const PLACE = /^\d{1,9}:\d{1,15}$/;

type Watch = <T>(read: (stopping: AbortSignal) => Promise<T>) => Promise<{ value: T; partial: boolean }>;

/** Bounds how long a reading takes, and how many there are at once. */
function watches({ clock }: AdminDeadLetterDeps): Watch {
  let running = 0;
  return async (read) => {
    if (running >= READS_MAX) throw busy();
    running += 1;
    const stopping = new AbortController();
    const limit = clock.after(READ_MS_MAX, () => stopping.abort());
    try {
      const value = await read(stopping.signal);
      return { value, partial: stopping.signal.aborted };
    } finally {
      limit.cancel();
      running -= 1;
    }
  };
}

function busy(): Error {
  return Object.assign(new Error("dead letters are being read already; try again soon"), { statusCode: 429 });
}

async function act(
  deps: AdminDeadLetterDeps,
  watch: Watch,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const call = askedOf(deps, shapes.actBody, "body", http, reply);
  if (call === undefined) return reply;
  const { filter: asked, dry_run, ...named } = call.asked;
  const filter = shapes.filterOf({ ...asked, state: "waiting" });
  const wanted = { ...named, by: actor(call.caller) } as LetterAct;
  if (dry_run) {
    const { value } = await watch((stopping) => deps.runs.look(filter, wanted, stopping));
    return reply.send({ object: "dead_letters.dry_run", act: wanted.act, summary: value });
  }
  if (!deps.runs.start(filter, wanted))
    return sendConflict(reply, "another redrive or drop is under way; wait for its end");
  const { ids, places, ...reason } = asked;
  noteAct(deps, call.caller, `${wanted.act}_dead_letters`, { ...reason, ids: ids?.length, places: places?.length });
  return sendRun(deps, reply, 202);
}

function sendRun({ runs }: AdminDeadLetterDeps, reply: FastifyReply, status: number): FastifyReply {
  return reply.code(status).send({ object: "dead_letters.run", run: runs.run ?? null });
}
