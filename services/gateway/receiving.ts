/** How long callers may take to send their request. Node knows one limit for the whole server, and uploads need a longer one than the rest. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../libs/shared/clock.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** In place of the server's own. */
    readonly receive_ms_max?: number;
  }
}

/** As Node answers where its own limit is over. */
const TIMEOUT_REPLY = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

/**
 * Cuts off who has not sent all in time. Call it before the routes are added, on a server whose `requestTimeout` is 0; Node's
 * `headersTimeout` stays what bounds the headers.
 */
export function limitReceiving(app: FastifyInstance, request_ms_max: number, clock: Clock): void {
  app.addHook("onRequest", (request, reply, done) => {
    const limit_ms = request.routeOptions.config?.receive_ms_max ?? request_ms_max;
    const late = clock.after(limit_ms, () => cutOff(request, reply));
    request.raw.once("close", () => late.cancel());
    done();
  });
}

function cutOff({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.complete || raw.destroyed) return;
  // Whoever has been told something already is told no more.
  if (!reply.raw.headersSent) raw.socket.write(TIMEOUT_REPLY);
  raw.destroy();
}
