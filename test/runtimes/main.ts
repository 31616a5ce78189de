/** The scenario as a program of Node, Deno or Bun. Its one argument is the meeting, as JSON; it writes a line per step. */
import { scenario } from "./scenario.ts";

await scenario(JSON.parse(process.argv[2] ?? ""), (step) => console.log(step));
