// Counter-based random numbers: the value of a leaf is a pure function of (stream, row, draw), so rows can be made in
// any order, by any worker, row by row or column by column. Called by the other files of the kernel.
//
// Source: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Its state is an
// arithmetic sequence, so it can be entered at any row. `stream` stands for seed and column path (../program.ts hashes
// them); the draws of one value are streams of their own.

/** What the state grows by from row to row. `rowState` below is (global row number) * ROW_STEP, shared by all leaves. */
export const ROW_STEP: u64 = 0x9e3779b97f4a7c15;
export const DRAW_STEP: u64 = 0xd1342543de82ef95;

/** Its upper half is already as good as that of {@link random}. */
function mix(stream: u64, rowState: u64, draw: u64): u64 {
  let z: u64 = stream + draw * DRAW_STEP + rowState;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  return (z ^ (z >> 27)) * 0x94d049bb133111eb;
}

/** 64 random bits. */
export function random(stream: u64, rowState: u64, draw: u64): u64 {
  const z = mix(stream, rowState, draw);
  return z ^ (z >> 31);
}

/**
 * A number below `count`, 0 < count < 2^32, by multiply and shift instead of modulo; its bias is below count / 2^32.
 * Uses the upper half of draw 0.
 */
export function randomBelow(stream: u64, rowState: u64, count: u64): u64 {
  return ((mix(stream, rowState, 0) >> 32) * count) >> 32;
}
