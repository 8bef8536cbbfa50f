// zstd files made by hand (RFC 8878), for what no encoder makes: blocks that are stored or repeated, and heads that say anything.

/** 1,000 numbered rows, in two frames, by `zstd -19 --long=27` and `zstd -1`, with a frame to be skipped before them: row n has n and (n * 7919) mod 97 times x. */
export const ZSTD_BYTES = Buffer.from(
  [
    "UCpNGAcAAABza2lwcGVkKLUv/QSIVSQANpUuErBX2sdBHJJA9srNLVN6+k7hQC0AJwAnAB9xeTFW9BGXcVZ0H3EZtqLfiK+MWtHnxGXQij7iHg",
    "EOQhAIBTdQEAJCIBAEgzTiMmxFH/GVZ0UfcWlFH3EZtKKPuAyzovuIyygrurgkK/qIe7wVBUUfcRk0+ojLWl1chlnRR87lRVnRR0yy+kdcxu2K",
    "PuLS6ugjLkOsAmOGFX3E5UVZHX3EZVDRR85l3Ip+Iy6t6HPiMsSKPlKGrfQRl9GzgmCoItTdfwOyEoiAQxqrJHoSSBBIYAoQBCELEAQhJERACC",
    "GEEEIIMYYYgxSkHgW4NHd1bxgBpYUJm1LPTZrXxV2pTqik+nYLVWXLAbAVPv1U4IzbGuF8f7xKDt11AQYtcrMALWbd7nml/5tZDO3nnnBch0mg",
    "Wqsz3xgKj2215YIN1oXzaLpNiet5JzS50/OjVaMelCQGbs5h8VIoTRnT23hLqn3OkTw1vr+NjfSRC5FwO9djQq9SsMIhZ4xMLXQ/0s3HIq+dHQ",
    "fRKERJ66TowxaaslGisbenPWGkwiEwQzswNx5xUxkil3b13BkExoW0S+e4cXItxuotolbb8u3ziPtD1YFPNgixzfLYwh7t+8bwcxk5FwdsbIrV",
    "zI58+RtXHbdt0/FV56AQciNCmWf2vQwntMmvTVNvt2kJtHw9G/gxNWwoVW9lYuilflC5jMGoTfJasLJQxERLV6nyXWG6OQFhinBXdcJ0mTZR0P",
    "Q+VaJBXLtcBD7h6y3kZ748CdvW008FzritEc73x6vk0F0XYFDULcS0tLrd8bb0F4VFwH4KxGSNX5GoqTpfi+3g0QiWAzpYF/QL/KtkrFJaTLty",
    "gJZ85UFNiUDi0wlfZ80opuqX5grftNp5HDE0JdlydiMcj1q/OezrpWtfCSnejUz7aqipkhsvbMgEVO44gqKWOE2pYj9EAj27Jppwe3B5TkNCZl",
    "5l7M94NCylIPlv692dIDCmaIdUx02Va2OscBHtugGiXiGHfwA0DKa6zTK250QofWPgu8qclwumPo3M7LIPQOJh+ZY2fNFbGzUIjRvdXRrowpzQ",
    "4rcym1o7bSCoHTZHpWhXTTQKPQ9wSRzqBpWbwSPZltIW7mGjv6LACadVQdqEsGD9m1nqRFibylLpbWbNUIS5MPceoUsObAJINVVzhJRoK4+Fb1",
    "u7DnX0CU+vokRhlztZL2kP64XX9IdMwVTroDhjoyJdTTI512En7T2u2i5NZ4NlLdmKr7Cmjbf3ts4XhgMuaKiPmBzbPgntswwjLrHPjwLPnM7h",
    "NtVMHlyVhawujfTpzdYEEEIZvyNNUiGGxDCrcNVFb1VCC+Bz0QQHXN/H8kTN7aZUL3b3wPJAr19RYbcoURRrtBGGypnZEAoveLAkWjaDq1Kh2I",
    "9qbdPdETdQ/B5RcCdQqgo7juOVyjO2tWl4Kh+nUiJYU2fZd2Ms2n69MbiHn7kXlyvPtBLMj+alqtZzOVmOz/tQLoLwMF3Nr6Rz3cUMhe87X5P6",
    "ouWB12Fy1jYl8lFu3xjwZ4NKWUF2cLoPwfr8KQCkFezZGE8otS/9BEi9VQC2sWAUwCXDAcYSCPq/l6SUkkxS4rr3NVlhAFcAVwCs0UjUXdZoJH",
    "aXNRoJussajcTcZY1GQu6yRiO7yxqNxO+yRiPhu6zRSPQuazQSvMsajUTdZY1GYndZo5Ggu6zRSMxd1mgk5C5rNBJBdwsDYRgoBAwMAPwQBoGB",
    "YFAwFAoBLms0EnSXNRqJucsajYTcZY1GeJc1GonfZY1GwndZo5HoXdZoJHiXNRqJussajSx2lzUaCbrLGo3E3GWNRkLuskYjdZc1GonfZY1Gwn",
    "dZo5HoXdZoJHg3MXdZo5GQu6zRiO+yRiPxu6zRSPguazQSvcsajQTvskYjUXdZo5HYXdZoJOguazQSc5c1Ggm5yxqN9C5rNBK/yxqNhO+yRiPR",
    "u6zRSPAuazQSdZc1Gok9g4LhLms0Er/LGo2E77JGI9G7rNFI8C5rNBJ1lzUaid1ljUaC7rJGIzF3WaORkLus0cjvskYj8bus0Uj4Lms0Er3LGo",
    "0E77JGI1F3WaOR2F3WaCToLms0EobTqJNJb/tvgxdAkzSh3w0TgICAgMBAwxmBQCAQhmEYhmEYhGEghmEYhmEoiqIwEkk/gntYthHE3U5Eufbb",
    "yr5w59zUEFsYw34CAPYcUddb5i9hBWK9rtALK2ubG1KPGWa5YzWHxLTwp1zouqnvjaEaFP4mANgC8y4wEjpcQAlF5BoNCa+X3lTmnlV0SKxXOE",
    "Bk0uFyJyx1pTT1H2qCLytF61Ny5NzKTG9XCyt5Hr+kMIFeDwsrdjulFke6kjMH1r5SE3XXJ4YUyIN3qTBLP8NyaOyxzjLkMkzQg3FpIqxVP2Sg",
    "xi2XTwMDYiN/YHMJ8fZUrJWmngxkpi7e4bLFopOjPBne+4UTyqFpLua2J0aZrxkDOliQd8yh3MykQbHH5cng2nYEBUU/r/fL4kyZFDB1tMoKZY",
    "EXKkJ9pRWNp9lQeql+NQ/Ws3CcPhavHqHZXlqSCrWuU/HqNlY8DRuIjFyA2Qys3pSutywSIZdVcc/eUpBN7K8GOXmE2O8r68Icc5NTZGMo20kA",
    "2HMEXW75MiQR62uFWliZr/VuSD9mmOWO1RwS08KfcqHrpr43UqDi4w9gC8y3wIQEdLvkEoroN3oSXi29qcw9q+iQWK9wgLnu1zshqCrSq38oug",
    "VEttSuFPkYPCo52Q6WRO4RXMlHUD1a7og7QbXo0gPhObxR+wpd1F2fGVIwD86lwiz9DMshD+EmQxfWhE5v06W4UCLgnJcVd9o/LQwqjPyBjSWE",
    "21OxVtGkUGbK4h0uG+OJmpxSYOAeF1OYfKRzUWyrvE68oBBQGPLiEQwCnPRBkT0tfQfXtiMoKPp5vV8WZ8qkgKmjVVaoeHohVK1Y0XiiWYbbT4",
    "UrULRulWP0Y+VqEJiHpSWpUOsm1r6BVU+DBiLjOgU0/kDTmaqVJSGb57KV7ma5ZSDRneQI2KPFnMObnOy08YaY+BAY9lMEMM+Ist7iZahErJcV",
    "emFhbVND+jHDLHfAsg5ITNv/i77WTbnepIDKjx+ALTDvAiOhwwWUUESu0YAs8HKhpLJzV/FAvh7hATLdr3dCUlVKU/0hJviZUrQ+E0cObSk3uV",
    "0uw+R5eJKCwHq6VOLbWWpx0i0pc6D9K3VRZ30GMzJQDo5LhS19GZYzH+ImQy/shE5tlyJCqYBTXlTcOTt++gxBjP6BjUuI26dirVJJYWbK4h0s",
    "Wyw6ccqToXtfOA9hvqe5mLc9MWR8TQgoDHmxKAYBTBoUe1yeDq5tR1AJNf26mp6W2MikwWBdKuu39cI6lK3m0XiaDaWX6lbzYD3TjKP7sXrVh8",
    "w2YUlSqPUJq21gxdOggZjRBZjvwNZNyXrTjJEYuWyFu11uGUhkJjkE9ngxzXHuvUUXj3alztgB0Y+jVj6CVoteGZqI9bOqVqyobVJI+cza6haq",
    "uTImhD91Weum6NhLCFD9mwBgC0y7wJLoYAFFFFHfaCR4vfRSMmdW0UViHgt8FFGXlTph1BXSqn9IF/xsKVqfiSNnKyOtXS2s5HnQN8kwcD1dqt",
    "jtEFoc6ZbMOFD7Sk3UWZ8ZUkAOjkuFLX3PlIXNh3LLUAtrotP3S5FQKqCZF2vu3H9aGFSM/oFNQ4jf9ilcWXRSIJli8Q7LJhadPeVp6N4vXEgO",
    "obiYtj0xZnxNhgMJhrw4EoMgJw3FHi/Pg2tTERQo/bzeXot7zqTA1NGq+gWrnl4I1StWNJ4kQ9Gn+tVcWM+n4/uxaPWEzHaUWSIXmGzG7huo8j",
    "RoIGZ0AeY3MHSmtN5gkIi5LIW7XW6FATo2kxxBe7yYczh3b9GJhx1pZzTAuY73i/YstzqiGGOqtVbcypW3zRpSn1m7ukE1R8aE+Kcu6LqJ600q",
    "qPz4A1gCU64LHgFdFpCEIvqNRoLXSz8lc0YVHSTWGxwg0/1aJwRVpbRQ/8MywcuW4vWZOHK2MtLa1cJKngcvKQhUT0sldjsnp8WZHt2cA7evpE",
    "Wd9SkjBefBu1WYpZ9hOfMhbjLUwoa0tGS91BamAp55qeLO3aelQcWIP7C5hLB1KtcqlRQkpsAi73qZ4dHZU56G7t3CheQQlItp2wND1tfGgISR",
    "F4syBjAqlWwo9rr0HVzbjqCg6Of1flmcKZMCpo5WWaHi6YVQtWIFzFEqG2ov1a/mwXoWjtPH4tUjNNtLS1Kh1k2sfQNPgad34xPjCzCfgaWbkv",
    "UmQyLOZSvdzXLLQKI7yRGwR4sZcsVhe4tePOxOnakBzmW8X7RGudUR8bH+rfOraVJIriF8tYsZX7kytV1j4vkNohW9zvUzDZT9VgDYAvMuMBI6",
    "XEAJRSTvRkYMjwtVKjt2FQ/k6xEeMNe9WickVUUa9R9igp8txeszEx1hlTLS2/XCSp7HLykEqidLFbsdRIsjXRI5B+5fMfpF3dWMIQXy4F0qzN",
    "LPsBzyEG4ydGFN6PR+KSKUBDzzEutymP3T0qDCyB/YWEK4PRVrFU0KZaYs3uGywaKTpzzPcO91mYXkUJqLaduDceZrhYDCkBePYBDgpKPYo+V5",
    "cG20EpFC0s+r+WSJRiYNDN5VsX6NF1ahbDWPxhNpKHqpvpp72LWxHasfK1aDwDwsLUmFWjex9g2seho0EBk/gLkZ2OtsSlczFokgy6Jwt+UmA4",
    "nuJEfAHi/mHM5ZW3Ti0W7SGdkD4Jbxvmgd5XZHhMf6v86vpqkg5Zlx11tcc8uYlph12tGaQXVMDqj4+APQAvMX8iQ6WEASVXQ3nR5mLf2UxMVC",
    "pWvE64MeqGu8facERaW08BO6widRjssT4uB8xQhr1wur0F9STSqEXVOXKnY5qaZHSglvBtS+Uhdll2eWFMiDG3eqkAsFYYXqgx0ywJLM0QhzaS",
    "KsUTdm4M4trk8DA2Ijf2Dz14Sxe6pXNpUUZqYs3sGyxaITpzwZuveFE5JDaS6mbQ/Gytofx4CCkReLxBDMSUezR8vz4Np2BAVFP633y+LohExe",
    "WNCFsn4bL6xC+WoOjSfZUHupbjUP1jNxnF4srh4P+XwULRkLUhtg2sbXPJ0anhldgPkObN2UrDcZEnEue0q508WMgURvkkPAHheTHM7dW3TiYX",
    "fqTA1wLuP9ojXKLe0joNf6X+euprkh9Zhx1ztWcyRMC3/apaabuN6kgIqPP4DIGoRXW2DJaCxoUREZRNJHJ10CUzzRZg==",
  ].join(""),
  "base64",
);

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** index) % 256);

const block = (kind: number, size: number, content: Iterable<number>): Buffer =>
  Buffer.from([...little(size * 8 + kind * 2, 3), ...content]);

/** Its bytes as they are. */
export const stored = (bytes: string | Uint8Array): Buffer => {
  const content = Buffer.from(bytes);
  return Buffer.concat([block(0, content.length, []), content]);
};

/** One byte, so many times. */
export const repeated = (byte: number, times: number): Buffer => block(1, times, [byte]);

export const compressed = (content: readonly number[]): Buffer => block(2, content.length, content);

export interface Head {
  /** The byte that says how large the window is: 0x68 is 8 MiB, 8 more are twice as much. Undefined: it is the content's size. */
  readonly window?: number;
  /** Bytes of content that it claims, in eight bytes. */
  readonly contentBytes?: number;
  readonly dictionary?: number;
}

/** The last block is marked as such. */
export function frame(head: Head, ...blocks: readonly Buffer[]): Buffer {
  return frameOf(head, blocks);
}

export function frameOf({ window, contentBytes, dictionary = 0 }: Head, blocks: readonly Buffer[]): Buffer {
  const descriptor =
    (contentBytes === undefined ? 0 : 0xc0) | (window === undefined ? 0x20 : 0) | (dictionary === 0 ? 0 : 3);
  const last = Buffer.from(blocks.at(-1) ?? stored(""));
  last[0] = (last[0] ?? 0) | 1;
  return Buffer.concat([
    Buffer.from([
      ...MAGIC,
      descriptor,
      ...(window === undefined ? [] : [window]),
      ...(dictionary === 0 ? [] : little(dictionary, 4)),
      ...(contentBytes === undefined ? [] : little(contentBytes, 8)),
    ]),
    ...blocks.slice(0, -1),
    last,
  ]);
}

/** A frame that holds nothing, of so many bytes and eight. */
export const skippable = (bytes = 0): Buffer =>
  Buffer.from([0x5a, 0x2a, 0x4d, 0x18, ...little(bytes, 4), ...new Uint8Array(bytes)]);
