/** The command lines of long runs: options with a value each, and `--help`. */
import { parseArgs } from "node:util";

export interface Option<T> {
  /** What its value is called in the help, and what the option is for. */
  readonly value: string;
  readonly about: string;
  readonly otherwise: T;
  /** undefined: no such value */
  readonly read: (text: string) => T | undefined;
  /** What a value has to be. */
  readonly must: string;
}

type Values<Options> = { readonly [Name in keyof Options]: Options[Name] extends Option<infer T> ? T : never };
type OptionsByName = Readonly<Record<string, Option<unknown>>>;

/** A whole number from `least` on. */
export function whole(about: string, otherwise: number, least = 0): Option<number> {
  const read = (text: string) => (/^\d{1,15}$/.test(text) && Number(text) >= least ? Number(text) : undefined);
  return { value: "N", about, otherwise, read, must: `be a whole number from ${least} on` };
}

/** A number above 0, with or without decimals. */
export function positive(about: string, otherwise: number): Option<number> {
  const read = (text: string) => (/^\d{1,6}(\.\d{1,6})?$/.test(text) && Number(text) > 0 ? Number(text) : undefined);
  return { value: "N", about, otherwise, read, must: "be a number above 0" };
}

/** A folder to write to; none by default. */
export function folder(about: string): Option<string | undefined> {
  return { value: "FOLDER", about, otherwise: undefined, read: (text) => text || undefined, must: "name a folder" };
}

export type CommandLine<Options> =
  | { readonly do: "run"; readonly values: Values<Options> }
  | { readonly do: "help"; readonly text: string }
  | { readonly do: "refuse"; readonly text: string };

/** What a command line asks of `command`, which does `about`. */
export function commandLine<Options extends OptionsByName>(
  args: readonly string[],
  { command, about, options }: { readonly command: string; readonly about: string; readonly options: Options },
): CommandLine<Options> {
  const refuse = (why: string) => ({ do: "refuse", text: `${why}; ${command} -- --help tells the options` }) as const;
  let given: Readonly<Record<string, string | boolean | undefined>>;
  try {
    given = parseArgs({
      args: [...args],
      options: { help: { type: "boolean", short: "h" }, ...asText(options) },
    }).values;
  } catch (thrown) {
    return refuse(thrown instanceof Error ? thrown.message : String(thrown));
  }
  if (given.help === true) return { do: "help", text: [`${command}: ${about}`, "", ...linesOf(options)].join("\n") };
  const values = new Map<string, unknown>();
  for (const [name, option] of Object.entries(options)) {
    const text = given[name];
    const value = typeof text === "string" ? option.read(text) : option.otherwise;
    if (typeof text === "string" && value === undefined) return refuse(`--${name} must ${option.must}`);
    values.set(name, value);
  }
  // Each option gave the value of its own type.
  return { do: "run", values: Object.fromEntries(values) as Values<Options> };
}

/** The values that this process was called with; it ends here if it was asked for help (0) or wrongly (2). */
export function optionsOf<Options extends OptionsByName>(about: {
  readonly command: string;
  readonly about: string;
  readonly options: Options;
}): Values<Options> {
  const asked = commandLine(process.argv.slice(2), about);
  if (asked.do === "run") return asked.values;
  if (asked.do === "help") console.log(asked.text);
  else console.error(asked.text);
  process.exit(asked.do === "help" ? 0 : 2);
}

function asText(options: OptionsByName): Record<string, { readonly type: "string" }> {
  return Object.fromEntries(Object.keys(options).map((name) => [name, { type: "string" }]));
}

function linesOf(options: OptionsByName): string[] {
  const rows = Object.entries(options).map(([name, { value, about }]): [string, string] => [
    `--${name} ${value}`,
    about,
  ]);
  rows.push(["--help", "tells this"]);
  const width = Math.max(...rows.map(([option]) => option.length));
  return rows.map(([option, about]) => `  ${option.padEnd(width)}  ${about}`);
}
