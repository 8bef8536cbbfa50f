// Numbers of seven bits a byte, as ClickHouse writes lengths and counts. Called by the writers of bytes and by the renderer.

/** The lowest bits first; a byte above 127 is not the last. */
export function varUint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}
