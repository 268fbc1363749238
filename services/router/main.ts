/** Wires the router: llm.admitted in, llm.jobs.<tier> and llm.outcomes out. */
import { systemClock } from "../../libs/shared/clock.ts";
import { bothLanes, deadLetterWriter, joinGroup, observeConsumption, runService } from "../../libs/shared/service.ts";
import { createRouterHandler } from "./handler.ts";

await runService("router", process.env, async (context) => {
  const group = `${context.settings.consumption.group_prefix}router`;
  const { settings, names, codec, producer } = context;
  const consumption = await joinGroup(context, {
    group,
    topics: bothLanes(names, names.admitted),
    order: "fetch",
    commit_by: "engine",
    max_in_flight: 1,
    batch_records_max: settings.consumption.batch_records_max,
    handler: createRouterHandler({
      codec,
      publisher: producer,
      clock: systemClock,
      names,
      dead_letters: deadLetterWriter(context, group),
      table: settings,
    }),
  });
  observeConsumption(context, new Map([[group, consumption]]));
  return {
    ready: async () => (consumption.joined ? [] : ["not yet a member of its group"]),
    stop: async () => {
      await consumption.drain(settings.consumption.drain_deadline_ms);
    },
  };
});
