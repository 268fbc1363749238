/** The store that the tests of runs stand on does as the real one. */
import { MemoryReplays } from "../../../support/memory-replays.ts";
import { describeReplayStore } from "./store-contract.ts";

describeReplayStore("replays in memory", () => ({ store: new MemoryReplays(), clear: async () => undefined }));
