/** `countersign audit …` */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { QueryOf, Schema } from "../../client/index.ts";
import { verifyOffline, verifyServed } from "../audit-proof.ts";
import { elapsed } from "../terminal/elapsed.ts";
import { EXIT } from "../terminal/exit-code.ts";
import { type Column, table } from "../terminal/table.ts";
import { CliFailure, usage } from "../terminal/told-failure.ts";
import { listed } from "../views/page-note.ts";
import type { Cli, Tell } from "./cli.ts";
import { given, leaf, oneOf, type Paging, paged, paging, whole } from "./options.ts";

type Row = Schema<"AuditRow">;

const COLUMNS = (now: number): readonly Column<Row>[] => [
  { title: "ID", text: ({ id }) => String(id) },
  { title: "WHEN", text: ({ at }) => elapsed(at, now) },
  { title: "ACTION", text: ({ action }) => action },
  { title: "ON", text: ({ subject_type, subject_id }) => `${subject_type}:${subject_id}`, flexible: true },
  {
    title: "BY",
    text: ({ who }) => (who.on_behalf_of === undefined ? who.id : `${who.id} for ${who.on_behalf_of}`),
    flexible: true,
  },
  {
    title: "STATE",
    text: ({ from_state, to_state }) => (to_state === undefined ? "" : `${from_state ?? "·"} → ${to_state}`),
  },
  { title: "WHY", text: ({ why }) => why?.reason ?? "", flexible: true },
];

interface Filters {
  readonly task?: string;
  readonly who?: string;
  readonly action?: string;
  readonly from?: string;
  readonly to?: string;
  readonly request?: string;
}

interface VerifyFlags {
  readonly subject?: string;
  readonly filtered?: boolean;
  readonly key?: string;
  readonly rows?: number;
}

export function auditCommands(program: Command, cli: Cli): void {
  const audit = program.command("audit").description("the trail: read it, take it home, prove it");

  paged(filtered(leaf(audit, "ls", "list what happened, newest first"))).action(async (flags: Paging & Filters) => {
    const answer = await cli.client().audit.list({ ...paging(flags), ...filters(flags) });
    cli.show(answer, (look) =>
      listed(table(COLUMNS(look.now), answer.entries, look), answer.pagination, look, "nothing happened"),
    );
  });

  filtered(leaf(audit, "export [file]", "the trail as a file; without FILE to standard output"))
    .addOption(oneOf("--format <format>", "of the file", ["ndjson", "csv"]).default("ndjson"))
    .action(async (file: string | undefined, flags: Filters & { format: "ndjson" | "csv" }) => {
      if (file === undefined && cli.json) throw usage("an export is no JSON value", "name a FILE, or leave out --json");
      const { body, headers } = await cli.client().audit.export({ ...filters(flags), format: flags.format });
      const rows = headers.get("Audit-Rows");
      await cli.working("exporting", async (tell) => {
        if (body === null) return;
        const heads = flags.format === "csv" ? 1 : 0;
        await saved(rows === null ? body : counted(body, Number(rows), heads, tell), file ?? cli.streams.stdout);
      });
      if (file !== undefined) {
        cli.show(
          { file, rows: rows === null ? null : Number(rows) },
          ({ paint }) => `${paint("green", "✓")} ${rows ?? "all"} rows in ${file}`,
        );
        // Hashes are recomputed from NDJSON alone.
        const rowsOption = rows === null ? "" : ` --rows ${rows}`;
        if (flags.format === "ndjson") cli.note(`next: countersign audit verify ${file}${rowsOption}`);
      }
    });

  leaf(
    audit,
    "verify [file]",
    "prove a file by itself, or with the server what it holds; ends with 1 if it was tampered with",
  )
    .option("--subject <subject>", "one chain of the server: task:ID, resource:KEY, agent:ID or config")
    .option("--filtered", "the file was exported with filters: rows may be left out")
    .option("--key <public-key>", "a retention file must be signed with this key")
    .option("--rows <n>", "the file must have so many rows", whole(0, 999_999_999_999))
    .action(async (file: string | undefined, flags: VerifyFlags) => {
      if (file !== undefined && flags.subject !== undefined)
        throw usage("a file is proved as a whole: leave out --subject");
      const proof =
        file === undefined
          ? await cli.working("verifying", (tell) => verifyServed(cli.client(), flags.subject, tell))
          : await cli.working(`verifying ${file}`, (tell) =>
              verifyOffline(
                file,
                { filtered: flags.filtered === true, publicKey: flags.key, rows: flags.rows },
                { stdin: cli.streams.stdin, tell: (share) => tell(`verifying ${file}`, share) },
              ),
            );
      cli.show(proof.verdict, ({ paint }) => paint(proof.valid ? "green" : "red", proof.told));
      if (!proof.valid) cli.endsWith(EXIT.failed);
    });
}

function filtered(command: Command): Command {
  return command
    .option("--task <id>", "about this task")
    .option("--who <id>", "by this person or agent")
    .option("--action <action>", "of this kind: task.approved")
    .option("--from <time>", "from then on, RFC 3339")
    .option("--to <time>", "until then, RFC 3339")
    .option("--request <id>", "of this request");
}

function filters({ task, who, action, from, to, request }: Filters): QueryOf<"GET /audit"> {
  return given({ task_id: task, who, action, from, to, request_id: request });
}

const LINE_FEED = 10;

/** Passes a file on and tells how many of its rows are through. @param heads lines before the first row */
async function* counted(file: AsyncIterable<Uint8Array>, rows: number, heads: number, tell: Tell) {
  let lines = 0;
  for await (const chunk of file) {
    for (const byte of chunk) if (byte === LINE_FEED) lines += 1;
    const done = Math.max(0, lines - heads);
    tell(`${done} of ${rows} rows`, rows === 0 ? 1 : done / rows);
    yield chunk;
  }
}

/** A file is there as a whole or not at all. */
async function saved(body: AsyncIterable<Uint8Array>, to: string | NodeJS.WritableStream): Promise<void> {
  if (typeof to !== "string") return pipeline(body, to, { end: false });
  const draft = `${to}.part`;
  try {
    await pipeline(body, createWriteStream(draft));
    await rename(draft, to);
  } catch (thrown) {
    await rm(draft, { force: true });
    throw new CliFailure(
      "EXPORT_FAILED",
      EXIT.failed,
      `the export to ${to} broke off: ${(thrown as Error).message}`,
      "run it again",
    );
  }
}
