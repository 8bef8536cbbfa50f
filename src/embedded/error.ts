// The one error the embedded server throws on purpose. Thrown by the files of this folder, shown by the commands as it is.

/** Its message is a sentence for the user: what went wrong and what to do about it. */
export class EmbeddedError extends Error {
  override readonly name = "EmbeddedError";
}
