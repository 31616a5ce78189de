/** A reason not to start that the operator can mend: told in one line, without a stack. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
}
