/** Tools and structured output by the client for Node. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ask, type Given, WEATHER } from "./given.ts";

export function toolTests(given: Given): void {
  describe("tools and structured output", () => {
    test("a tool is called, and told", async () => {
      const body = ask("weather in Ulm", { tools: [WEATHER], tool_choice: "required" });
      const whole = await given.client.chat.completions.create(body);
      const [call] = whole.choices[0]?.message.tool_calls ?? [];
      assert.equal(whole.choices[0]?.finish_reason, "tool_calls");
      assert.ok(call?.type === "function" && call.function.name === "weather");
      assert.equal(typeof JSON.parse(call.function.arguments).city, "string");

      const other = { ...body, messages: [{ role: "user", content: "weather in Bonn" }] };
      const streamed = await given.client.chat.completions.stream(other as never).finalChatCompletion();
      const [made] = streamed.choices[0]?.message.tool_calls ?? [];
      assert.ok(made?.type === "function" && made.function.name === "weather");
      assert.equal(typeof JSON.parse(made.function.arguments).city, "string");

      const told = await given.client.chat.completions.create({
        ...body,
        tool_choice: "auto",
        messages: [
          ...body.messages,
          { role: "assistant", tool_calls: [call] },
          { role: "tool", tool_call_id: call.id, content: "rain" },
        ],
      });
      assert.equal(told.choices[0]?.finish_reason, "stop");
    });

    test("a runner calls functions by itself", async () => {
      const cities: string[] = [];
      const runner = given.client.chat.completions.runTools({
        ...ask("weather for a runner"),
        tools: [
          {
            type: "function",
            function: {
              ...WEATHER.function,
              parse: JSON.parse,
              function: ({ city }: { city: string }) => {
                cities.push(city);
                return "sun";
              },
            },
          },
        ],
      } as never);
      assert.ok(((await runner.finalContent())?.length ?? 0) > 0);
      assert.equal(cities.length, 1);
    });

    test("an answer is parsed by its schema", async () => {
      const Event = z.object({ name: z.string(), seats: z.number(), kind: z.enum(["talk", "party"]) });
      const format = { response_format: zodResponseFormat(Event, "event") };
      const parsed = await given.client.chat.completions.parse(ask("an event", format));
      assert.deepEqual(Event.parse(parsed.choices[0]?.message.parsed), parsed.choices[0]?.message.parsed);
      const streamed = await given.client.chat.completions
        .stream(ask("another event", format) as never)
        .finalChatCompletion();
      const message = streamed.choices[0]?.message as { parsed?: unknown } | undefined;
      Event.parse(message?.parsed);
    });
  });
}
