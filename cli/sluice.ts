#!/usr/bin/env node
/** The command line's beginning: what Node compiles is kept, which halves the time that a command takes to start. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Where it cannot be kept, as in a container that is read only, Node goes on without.
enableCompileCache(join(import.meta.dirname, "..", ".sluice", "compile-cache"));
await import("./program.ts");
