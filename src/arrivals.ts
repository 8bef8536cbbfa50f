// Where batches arrive when they arrive by chance: a Poisson process that has exactly the batches of the schedule. Pure: the
// same seed, the same arrivals. Called by schedule.ts.
//
// Given how many arrivals there are in some time, those of a Poisson process are where a walk with exponential gaps, one more
// than arrivals, comes by when it is stretched to that time (Devroye, Non-Uniform Random Variate Generation, V.2.1). So the
// batches are taken in blocks, whose ends are fixed: within a block gaps are exponential, and no block has one too many.

/** In batches. Counts over longer stretches vary less than by chance: by 1 in 128 (the square root), where it would begin. */
const BLOCK = 16_384;

/** A place between the scheduled starts of `batch` and of the one after it. */
export interface Arrival {
  readonly batch: number;
  /** From 0 up to 1. */
  readonly share: number;
}

export class Arrivals {
  readonly #seed: number;
  readonly #warmUpBatches: number;
  readonly #batches: number;
  /** The block drawn last: its first batch, and how far each of its batches is into it, in batches. */
  #first = -1;
  #places: Float64Array = new Float64Array();

  /** @param warmUpBatches those before stay before, those after after */
  constructor(seed: number, warmUpBatches: number, batches: number) {
    this.#seed = seed;
    this.#warmUpBatches = warmUpBatches;
    this.#batches = batches;
  }

  /** Of the block of batch `number`, the first batch and the one behind the last. */
  blockOf(number: number): readonly [first: number, end: number] {
    const [from, to] = number < this.#warmUpBatches ? [0, this.#warmUpBatches] : [this.#warmUpBatches, this.#batches];
    const first = from + Math.floor((number - from) / BLOCK) * BLOCK;
    return [first, Math.min(first + BLOCK, to)];
  }

  /** Where batch `number` arrives. */
  place(number: number): Arrival {
    const [first, end] = this.blockOf(number);
    if (first !== this.#first) {
      this.#places = drawn(this.#seed, first, end - first);
      this.#first = first;
    }
    const at = this.#places[number - first] ?? 0;
    const whole = Math.floor(at);
    return { batch: first + whole, share: at - whole };
  }
}

/** So many places in ascending order, from 0 up to `count`. */
function drawn(seed: number, first: number, count: number): Float64Array {
  const places = new Float64Array(count);
  let walked = 0;
  for (let index = 0; index < count; index++) {
    walked += exponential(seed, first + index);
    places[index] = walked;
  }
  // The last gap leads to the block's end; its number is no batch's.
  const scale = count / (walked + exponential(seed, -first - 1));
  for (let index = 0; index < count; index++) places[index] = (places[index] ?? 0) * scale;
  return places;
}

/** Exponential with mean 1, a function of seed and number. */
function exponential(seed: number, number: number): number {
  const high = mix(mix(Math.floor(number / 2 ** 32) ^ Math.floor(seed / 2 ** 32)) ^ number) ^ seed;
  const [one, other] = [mix(high), mix(high + 0x9e3779b9)];
  // 53 bits, above 0 and up to 1.
  return -Math.log((one * 2 ** 21 + (other >>> 11) + 1) / 2 ** 53);
}

/** The finalizer of MurmurHash3: 32 bits in, 32 bits out, each of them depending on all. */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
