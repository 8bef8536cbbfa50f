// The kernel's numbers for what an instruction writes and where its number comes from. Names alone, as the kernel has them.

/** As in kernel/instructions.ts. */
export const OP = {
  end: 0,
  time: 1,
  uuid: 2,
  choice: 3,
  rowNumber: 4,
  integer: 5,
  literal: 6,
  sixGroups: 7,
  digits: 8,
  rowDate: 9,
  cellInteger: 10,
  rowKey: 11,
  rowRestore: 12,
  rowCellKey: 13,
  keyInteger: 14,
  thingInteger: 15,
  number: 16,
  scaled: 17,
  date: 18,
  text: 19,
  hex: 20,
  base62: 21,
  words: 22,
  ipv4: 23,
  jump: 32,
  nullable: 33,
  branch: 34,
  array: 35,
  next: 36,
  key: 37,
  restore: 38,
} as const;

/** As in kernel/draw.ts. */
export const SOURCE = {
  small: 0,
  uniform: 1,
  cells: 2,
  sequence: 3,
  rowTime: 4,
  spread: 5,
  shuffled: 6,
  timeBack: 7,
} as const;
