/** OpenAI's own client for Node, unchanged but for its `baseURL`, on the real pipeline. */
import { after, before, describe } from "node:test";
import { chatTests } from "./openai-node/chat.ts";
import { failureTests } from "./openai-node/failures.ts";
import { Given } from "./openai-node/given.ts";
import { jobTests } from "./openai-node/jobs.ts";
import { nativeTests } from "./openai-node/native.ts";
import { streamTests } from "./openai-node/streams.ts";
import { toolTests } from "./openai-node/tools.ts";

describe("openai for Node", () => {
  const given = new Given();
  before(() => given.start());
  after(() => given.stop());
  chatTests(given);
  streamTests(given);
  toolTests(given);
  jobTests(given);
  failureTests(given);
  nativeTests(given);
});
