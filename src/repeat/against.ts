// What the other side of a repetition is, where --against names a YAML file: as the base, with what the file says in place of flags,
// variables and the base's own config file. Loads YAML: imported when there is such a file.

import { type Config, readConfig } from "../config.js";
import { RUN_FLAGS } from "../flags.js";
import type { RawFlags } from "../options.js";

export interface Overlay {
  /** The flags of the base and, before them, the file's. */
  readonly raw: RawFlags;
  /** With the rules of the file, where it has any. */
  readonly config: (base: Config | undefined) => Config | undefined;
}

/** Rejects with an OptionsError. */
export async function readAgainst(file: string, base: RawFlags, signal: AbortSignal): Promise<Overlay> {
  const { options, rules } = await readConfig(file, RUN_FLAGS, signal);
  const hasRules = rules.columns.size + rules.omitted.size + rules.together.length > 0;
  return {
    raw: { ...base, ...options },
    config: (config) => (hasRules ? { file: config?.file ?? file, options: config?.options ?? {}, rules } : config),
  };
}
