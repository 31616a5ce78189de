/** Where a command reads and writes: as the process does, unless a test has streams of its own. */
import type { Readable, Writable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";

/** A stream that is no terminal lacks what only terminals have. */
type Input = Readable & Partial<Pick<ReadStream, "isTTY">>;
type Output = Writable & Partial<Pick<WriteStream, "isTTY" | "columns">>;

export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}
