/**
 * The parts of zod that this project speaks, as `z`. Who holds the namespace of the library itself ships and starts all of it,
 * with the messages of fifty languages; of this one only what is named in zod-words.ts.
 */
export * as z from "./zod-words.ts";
