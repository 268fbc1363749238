import { flowScenario } from "./flow.ts";
import { runSeed } from "./world.ts";

const from = Number(process.argv[2] ?? 1),
  n = Number(process.argv[3] ?? 1);
const t = performance.now();
let ev = 0;
for (let seed = from; seed < from + n; seed++) {
  const r = await runSeed({
    seed,
    scenario: flowScenario,
    keep_trace: n === 1,
    plant_early_commit: process.argv[4] === "plant",
  });
  ev += r.events;
  if (r.violation) console.log(seed, r.violation, r.virtual_ms);
  if (n === 1) {
    console.log(r.counts, r.events, r.virtual_ms, r.hash);
    const s = process.argv[5] ?? r.violation?.subject;
    for (const l of r.trace)
      if (process.argv[4] === "all" || (s && l.subject === s))
        console.log(l.at_ms.toFixed(0), l.who, l.what, l.subject);
  }
}
console.log("ms", performance.now() - t, "events", ev);
