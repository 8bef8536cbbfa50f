// What instructions point at: tables of texts and of places, the list of words. Called by program.ts.

import type { Block, Label } from "./instructions.js";
import { WORDS } from "./words.js";

/** Offset (u32) and length (u32) of each. */
export const textTable =
  (texts: readonly Buffer[]): Block =>
  (place) => {
    const table = Buffer.alloc(texts.length * 8);
    for (const [index, bytes] of texts.entries()) {
      table.writeUInt32LE(place.text(bytes), index * 8);
      table.writeUInt32LE(bytes.length, index * 8 + 4);
    }
    return table;
  };

/** Offsets (u32). */
export const labelTable =
  (labels: readonly Label[]): Block =>
  (place) => {
    const table = Buffer.alloc(labels.length * 4);
    for (const [index, label] of labels.entries()) table.writeUInt32LE(place.label(label), index * 4);
    return table;
  };

/** Each word with the space behind it, in 16 bytes; then their lengths with it. */
export const wordList: Block = () => {
  const list = Buffer.alloc(WORDS.length * 17);
  for (const [index, word] of WORDS.entries()) {
    list.write(`${word} `, index * 16);
    list.writeUInt8(word.length + 1, WORDS.length * 16 + index);
  }
  return list;
};
