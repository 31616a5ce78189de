/** JSON that a command is given: in a file, or on standard input for `-`. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { usage } from "../terminal/told-failure.ts";

/** @throws CliFailure that says where it is broken; what stands in it is for the server to judge */
export async function readJson(file: string, stdin: NodeJS.ReadableStream): Promise<unknown> {
  const read = await readText(file, stdin);
  try {
    return JSON.parse(read);
  } catch (thrown) {
    throw usage(`${nameOf(file)} is no JSON: ${(thrown as Error).message}`);
  }
}

export async function readText(file: string, stdin: NodeJS.ReadableStream): Promise<string> {
  try {
    return file === "-" ? await text(stdin) : await readFile(file, "utf8");
  } catch (thrown) {
    throw usage(`${nameOf(file)} cannot be read: ${(thrown as Error).message}`);
  }
}

function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

/** Whether it is an object, and neither a list nor null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
