// Copying. Called by the other files of the kernel.

/** Copies `length` bytes in steps of 16, running over by up to 15. */
export function copy(to: usize, from: usize, length: usize): void {
  v128.store(to, v128.load(from));
  for (let done: usize = 16; done < length; done += 16) v128.store(to + done, v128.load(from + done));
}
