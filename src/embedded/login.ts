// Who may use an embedded server: checked, and made where none was given. Called by the options and by startEmbedded.

import { randomBytes } from "node:crypto";
import { EmbeddedError } from "./error.js";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Of a login that is made. */
const USER = "clickstorm";
/** So many nobody guesses; hexadecimal, so that no shell, URL or header has to quote them. */
const PASSWORD_BYTES = 16;

/** As somebody chose it: what is undefined is made. */
export interface ChosenLogin {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** Throws EmbeddedError for a login the library cannot offer. */
export function completeLogin({ user, password }: ChosenLogin): Login {
  const made = { user: USER, password: randomBytes(PASSWORD_BYTES).toString("hex") };
  if (user === undefined) return { ...made, ...(password !== undefined && { password }) };
  if (user === "default") {
    // The library's own: whoever means no user in particular gets one.
    if (password === undefined) return made;
    throw new EmbeddedError(
      "The embedded ClickHouse cannot give its user default a password: the library itself logs in as default without " +
        "one. Pass another --user with the password; default is closed to everybody.",
    );
  }
  // The name is an XML element in users.xml.
  if (!/^[A-Za-z_][\w-]*$/.test(user))
    throw new EmbeddedError(
      "The embedded ClickHouse cannot have a user of that name: " +
        "use letters, digits, _ and -, beginning with a letter or _.",
    );
  return { user, password: password ?? made.password };
}
