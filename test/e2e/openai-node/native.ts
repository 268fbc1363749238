/** What the gateway has beside OpenAI's API, asked by the same client: jobs, their events, lists and usage. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../support/until.ts";
import type { Given } from "./given.ts";

type Event = { readonly id: string; readonly event: string; readonly data: Record<string, unknown> };

export function nativeTests(given: Given): void {
  async function eventsOf(id: string, last_event_id?: string): Promise<Event[]> {
    const headers = last_event_id === undefined ? {} : { "last-event-id": last_event_id };
    const response = await given.client.get(`/requests/${id}/events`, { headers }).asResponse();
    const events = (await response.text()).split("\n\n").map((text) => {
      const field = (name: string): string => new RegExp(`^${name}: ?(.*)$`, "m").exec(text)?.[1] ?? "";
      return { id: field("id"), event: field("event"), data: field("data") };
    });
    return events.filter(({ event }) => event !== "").map((one) => ({ ...one, data: JSON.parse(one.data) }));
  }

  test("a job tells its states, its tokens and its Result, and goes on where its reader was", async () => {
    const taken = await given.client.post<{ id: string; status: string; url: string }>("/requests", {
      body: {
        body: { messages: [{ role: "user", content: "[[mock tokens=30 itl_ms=5]] events" }], stream: true },
        user: "u-events",
        metadata: { of: "events" },
      },
    });
    assert.equal(taken.status, "queued");
    const events = await eventsOf(taken.id);
    const names = events.map(({ event }) => event);
    const last = events.at(-1);
    for (const name of ["admitted", "routed", "started", "attempt", "token"]) assert.ok(names.includes(name), name);
    assert.equal(last?.event, "ended");
    const result = last?.data["result"] as { response: { choices: { message: { content: string } }[] } };
    const tokens = events.filter(({ event }) => event === "token");
    const text = tokens
      .map(({ data }) => (data as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? "")
      .join("");
    assert.equal(text, result.response.choices[0]?.message.content);
    const half = Math.floor(events.length / 2);
    const rest = await eventsOf(taken.id, events[half - 1]?.id);
    assert.deepEqual(
      rest.filter(({ event }) => event === "token").map(({ id }) => id),
      events
        .slice(half)
        .filter(({ event }) => event === "token")
        .map(({ id }) => id),
    );
    assert.equal(rest.at(-1)?.event, "ended");
  });

  test("requests are listed, and their use is summed", async () => {
    type Page = { readonly data: Record<string, unknown>[]; readonly has_more: boolean };
    const { id } = await given.client.post<{ id: string }>("/requests", {
      body: { body: { messages: [{ role: "user", content: "listed" }] }, user: "u-listed" },
    });
    await given.stored(id);
    const page = await until("it is listed", async () => {
      const found = await given.client.get<Page>("/requests", { query: { user: "u-listed", status: "succeeded" } });
      return found.data.length > 0 && found;
    });
    assert.deepEqual([page.data.length, page.data[0]?.["id"], page.has_more], [1, id, false]);
    type Usage = { readonly data: { readonly user: string; readonly requests: number; readonly cost_usd: number }[] };
    const usage = await given.client.get<Usage>("/usage", { query: { group_by: "user" } });
    const own = usage.data.find(({ user }) => user === "u-listed");
    assert.equal(own?.requests, 1);
    assert.ok((own?.cost_usd ?? 0) > 0);
  });
}
