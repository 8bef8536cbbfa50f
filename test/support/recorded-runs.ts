// What the verdict rested on in runs of bench/starved.ts, whose limit was made: recorded on two cores that others used, too; 4 s each.
//
// A line: name | missing | latency and lateness at p99, ms | filled | mean service time and what of it was held up, ms | p99 of service times
// and of those not held up, ms | s throttled | of each worker, s: busy, idle, rendering, waiting, delayed, ran, waited for a CPU, stood still.
// For p99 it is the highest quantile there were samples for; - is undefined.

import type { Evidence } from "../../src/limits.js";

const [S, MS] = [1e9, 1e6];

/** By its name. */
export type Recorded = readonly [name: string, evidence: Evidence];

function read(line: string): Recorded {
  const [name = "", ...cells] = line.split(" | ");
  const numbers = (text: string | undefined): (number | undefined)[] =>
    (text ?? "").split(" ").map((one) => (one === "-" ? undefined : Number(one)));
  const [missing, times, filled, mean, quantile, throttled] = cells.map(numbers);
  const [latency, lateness] = times ?? [];
  const ns = (values: (number | undefined)[] | undefined, index: number, unit: number) => (values?.[index] ?? 0) * unit;
  const evidence: Evidence = {
    windowNs: 4 * S,
    missing: missing?.[0],
    dropped: 0,
    workers: (cells[6] ?? "")
      .split(" / ")
      .map(numbers)
      .map((own) => ({
        busyNs: ns(own, 0, S),
        idleNs: ns(own, 1, S),
        renderingNs: ns(own, 2, S),
        waitingNs: ns(own, 3, S),
        delayedNs: ns(own, 4, S),
        ranNs: ns(own, 5, S),
        waitedNs: ns(own, 6, S),
        stoodNs: ns(own, 7, S),
        throttledNs: ns(throttled, 0, S),
      })),
    late:
      latency === undefined || lateness === undefined
        ? undefined
        : { latencyNs: latency * MS, latenessNs: lateness * MS },
    filled: filled?.[0] ?? 0,
    serviceMeanNs: ns(mean, 0, MS),
    heldMeanNs: ns(mean, 1, MS),
    quantile: { name: "p99", serviceNs: ns(quantile, 0, MS), unheldNs: ns(quantile, 1, MS) },
  };
  return [name, evidence];
}

const table = (text: string): readonly Recorded[] => text.trim().split("\n").map(read);

export const STARVED = table(`
1 beside it, 200/s | 0 | 193 161 | 0.0389 | 3.86 2.3 | 29.4 4.04 | 0 | 0.814 3.2 0.0188 0.0399 0.496 0.341 1.88 0
1 beside it, 1000/s | 0.209 | 1520 1510 | 0.126 | 5.09 4.09 | 37.8 15.3 | 0 | 2.46 1.47 0.166 3.48 0.45 0.432 3.34 0
1 beside it, closed | - | - - | 0.206 | 1.56 1.08 | 24 4.75 | 0 | 2.76 1.23 0.191 0 0 0.79 3.02 0.0174
2 beside it, 200/s | 0 | 216 212 | 0.0278 | 2.41 1.3 | 26.4 15.6 | 0 | 0.671 3.33 0.0179 0.0627 0.345 0.346 1.57 0
2 beside it, 1000/s | 0.102 | 1030 1020 | 0.119 | 4.43 3.51 | 58.8 14 | 0 | 2.99 0.875 0.143 3.25 0.619 0.467 3.32 0.00882
2 beside it, closed | - | - - | 0.133 | 4.54 3.65 | 44.8 14.5 | 0 | 2.46 1.55 0.415 0 0 0.418 3.39 0.000758
3 beside it, 200/s | 0 | 194 166 | 0.0655 | 9 6.38 | 95.6 59.6 | 0 | 0.673 3.34 0.0163 0.518 0.883 0.26 2.91 0.00712
3 beside it, 1000/s | 0.108 | 912 907 | 0.127 | 5.7 4.63 | 69.8 18 | 0 | 2.6 1.6 0.0514 3.85 0.349 0.323 3.77 0.00363
3 beside it, closed | - | - - | 0.147 | 2.04 1.6 | 20.6 4.4 | 0 | 2.67 1.33 0.211 0 0 0.66 3.18 0
stopped 50 of 100 ms, 200/s | 0 | 55.5 52.5 | 0.0265 | 1.85 0.786 | 35.8 11.3 | 0 | 0.779 3.22 0.02 0.0574 1.56 0.362 0.298 1.33
stopped 50 of 100 ms, closed | - | - - | 0.314 | 0.571 0.223 | 4 2.37 | 0 | 3.65 0.315 0.148 0 0 1.43 0.462 1.27
stopped 200 of 1000 ms, 200/s | 0 | 194 193 | 0.0117 | 0.608 0.139 | 4.66 4.39 | 0 | 0.651 3.35 0.0168 0.0287 0.769 0.376 0.223 0.745
stopped 200 of 1000 ms, closed | - | - - | 0.344 | 0.311 0.0954 | 1.92 0.712 | 0 | 3.8 0.197 0.428 0 0 1.84 1.23 0.736
stopped 900 of 1500 ms, 200/s | 0 | 892 889 | 0.0163 | 0.925 0.274 | 6.98 6.62 | 0 | 0.281 3.72 0.0132 0.127 2.69 0.222 0.101 2.66
stopped 900 of 1500 ms, closed | - | - - | 0.245 | 0.669 0.289 | 2.34 0.913 | 0 | 4.01 0.103 0.103 0 0 0.836 0.492 2.67
stopped 300 of 400 ms, 200/s | 0 | 303 300 | 0.0326 | 2.03 0.728 | 20.4 14.8 | 0 | 1.28 2.72 0.0259 0.225 2.94 0.21 0.228 2.87
stopped 300 of 400 ms, closed | - | - - | 0.164 | 1.99 1.2 | 7.34 3.12 | 0 | 3.5 0.336 0.379 0 0 0.579 0.462 2.54
stopped 30 of 200 ms, 200/s | 0 | 31.7 30.4 | 0.0121 | 0.644 0.161 | 4.88 3.78 | 0 | 0.691 3.31 0.02 0 0.368 0.489 0.258 0.251
stopped 30 of 200 ms, closed | - | - - | 0.326 | 0.413 0.158 | 4.06 0.855 | 0 | 3.63 0.374 0.301 0 0 1.69 1.53 0.257
10 ms of CPU in 100, 200/s | 0.257 | 1520 1490 | 0.126 | 25.3 19.2 | 189 96.3 | 6.02 | 3.25 1.65 0.0964 4.23 0.674 0.159 3.99 0.462
10 ms of CPU in 100, 1000/s | 0.818 | 6270 6270 | 0.111 | 11.4 9.44 | 98 65.5 | 6.19 | 4.2 2.02 0.0605 6.02 0.204 0.273 5.72 0.0597
10 ms of CPU in 100, closed | - | - - | 0.216 | 43.8 29.9 | 300 297 | 6.6 | 2.52 1.48 0.126 0 0 0.117 3.63 0.246
5 ms of CPU in 50, 200/s | 0.21 | 1090 1070 | 0.137 | 23.3 16.5 | 150 100 | 7.65 | 4.19 0.74 0.158 4.09 0.74 0.18 4.23 0.363
5 ms of CPU in 50, 1000/s | 0.926 | 8360 8450 | 0.163 | 25.2 17.5 | 144 102 | 5.29 | 2.85 0.905 0.24 3.23 0.526 0.172 3.36 0.105
5 ms of CPU in 50, closed | - | - - | 0.137 | 28.6 19.7 | 204 98.4 | 6.02 | 3.45 0.543 0.00932 0 0 0.126 3.33 0.353
single rows, 60,000/s of one worker | 0.815 | 7280 7250 | 0.329 | 0.251 0.0847 | 1.09 0.52 | 0 | 6.04 0.378 0.167 5.75 0.673 3.73 2.38 0.119
single rows, closed, one worker | - | - - | 0.267 | 0.299 0.134 | 3.91 0.637 | 0 | 3.72 0.277 0.111 0 0 1.73 1.98 0.151
gzip, 3 M rows/s | 0.828 | 7670 7640 | 0.00452 | 2.93 1.76 | 15.1 10.5 | 0 | 0.958 5.44 6.32 0.000209 6.4 0.273 1.25 0.00319 / 1.04 4.9 5.81 0.000244 5.94 0.3 1.28 0.00437
gzip, 1.5 M rows/s, 2 beside it | 0.842 | 7900 7840 | 0.0021 | 3.32 1.83 | 15.4 2.35 | 0 | 0.779 5.41 6.08 0.000162 6.19 0.223 1.31 0.00415
2 workers, 2 beside them, 500/s | 0 | 608 596 | 0.068 | 8.77 7.73 | 103 14.7 | 0 | 1.93 1.9 0.0748 3.05 0.435 0.252 3.35 0.0132 / 2.13 1.69 0.195 2.56 0.665 0.245 3.29 0.00863
`);

export const LIMITED = table(`
4/s, one place of 500 ms, in flight 1 | 0.5 | 4550 4040 | 0.997 | 502 0.258 | 502 502 | 0 | 0.231 7.81 0.00284 8.04 0.00383 0.171 0.187 0
4/s, one place of 500 ms, in flight 8 | 0.5 | 4510 508 | 1.17 | 2780 0.38 | 4000 4000 | 0 | 0.17 4.59 0.00348 1.24 0.000221 0.191 0.181 0
4/s, one place of 500 ms, in flight 80 | 0.5 | 4510 1.85 | 0.144 | 2880 0.076 | 4510 4510 | 0 | 0.131 3.87 0.00303 0 0 0.2 0.226 0.00252
20/s, one place of 100 ms, in flight 1 | 0.512 | 4510 4400 | 0.993 | 101 0.291 | 105 104 | 0 | 0.26 7.88 0.00436 8.12 0.0146 0.214 0.197 0
20/s, one place of 100 ms, in flight 8 | 0.5 | 4360 3560 | 1.02 | 793 0.299 | 801 801 | 0 | 0.29 7.46 0.00452 7.43 0.0114 0.271 0.115 0
20/s, one place of 100 ms, in flight 80 | 0.5 | 4360 1.8 | 0.645 | 2580 0.197 | 4350 4350 | 0 | 0.174 3.83 0.00573 0 0 0.319 0.106 0
200/s, one place of 10 ms, in flight 1 | 0.542 | 5140 5110 | 0.949 | 10.7 0.266 | 14 13.1 | 0 | 0.715 7.7 0.0175 8.35 0.0642 0.501 0.299 0
200/s, one place of 10 ms, in flight 8 | 0.5 | 4580 4520 | 0.966 | 80.6 2.37 | 141 119 | 0 | 0.943 7.16 0.0186 8.04 0.0593 0.466 0.572 0.181
200/s, one place of 10 ms, in flight 80 | 0.5 | 4470 3670 | 1.02 | 789 1.78 | 871 848 | 0 | 0.695 7.01 0.0182 7.34 0.057 0.486 0.557 0.0105
2000/s, one place of 1 ms, in flight 1 | 0.78 | 7050 7020 | 0.764 | 1.81 0.296 | 7.42 5.8 | 0 | 1.84 5.82 0.0545 7.45 0.203 1.09 1.26 0.0674
2000/s, one place of 1 ms, in flight 8 | 0.551 | 5100 5080 | 0.855 | 8.2 0.964 | 15.9 12.3 | 0 | 2.19 6.04 0.0848 7.97 0.255 1.51 1.79 0
2000/s, one place of 1 ms, in flight 80 | 0.5 | 4810 4730 | 0.984 | 79.6 0.824 | 93.5 87.9 | 0 | 2.69 5.31 0.107 7.74 0.26 1.53 1.63 0
10% too much for 2 places of 2 ms | 0.169 | 915 907 | 0.851 | 8.21 0.875 | 20 13.5 | 0 | 1.6 3.14 0.0569 4.56 0.178 0.766 0.946 0.09
20% too much for 8 places of 20 ms, gzip, in flight 32 | 0.167 | 1280 1210 | 0.891 | 77.5 1.51 | 151 144 | 0 | 1.6 3.52 2.02 2.93 2.18 0.72 1.07 0.0846
10% too much for 2 places of 5 ms | 0.0909 | 463 443 | 0.967 | 19.7 0.406 | 23.8 22.9 | 0 | 0.866 3.53 0.0315 4.3 0.0961 0.534 0.488 0
20% too much for 8 places of 50 ms, gzip, in flight 32 | 0.167 | 943 743 | 1 | 198 0.412 | 203 201 | 0 | 0.622 4.12 0.52 3.91 0.504 0.53 0.301 0
10% too much for 2 places of 20 ms | 0.109 | 564 484 | 0.982 | 81 0.885 | 154 152 | 0 | 0.419 4.07 0.0118 4.29 0.0534 0.236 0.261 0.0589
20% too much for 8 places of 200 ms, gzip, in flight 32 | 0.167 | 1070 272 | 0.888 | 633 0.801 | 802 802 | 0 | 0.354 3.91 0.296 1.39 0.178 0.299 0.206 0
10% too much for 2 places of 100 ms | 0.0909 | 554 146 | 0.794 | 324 13 | 477 405 | 0 | 0.322 3.99 0.0052 1.56 0.142 0.181 0.901 0.0222
20% too much for 8 places of 1000 ms, gzip, in flight 32 | 0.3 | 2010 242 | 0.457 | 1510 29.8 | 1920 1920 | 0 | 0.921 3.13 2.04 0 1.51 0.142 1.51 0.323
closed, 4 places of 5 ms, in flight 1 | - | - - | 0.909 | 6.51 0.359 | 13.2 12.1 | 0 | 0.41 3.59 0.0321 0 0 0.305 0.272 0
closed, 4 places of 5 ms, in flight 8 | - | - - | 0.858 | 9.99 0.915 | 20.8 16 | 0 | 1.2 2.8 0.126 0 0 0.584 0.856 0
closed, 4 places of 5 ms, in flight 80 | - | - - | 0.953 | 103 1.96 | 276 276 | 0 | 1.57 2.43 0.22 0 0 0.654 1.34 0.0597
closed, 50,000 rows, 8 places of 100 ms | - | - - | 0.684 | 130 22 | 301 201 | 0 | 3.09 0.977 2.62 0 0 0.843 2.25 0.0376
closed, 50,000 rows, 8 places of 400 ms | - | - - | 0.936 | 466 15.5 | 639 639 | 0 | 1.81 2.28 1.44 0 0 0.378 1.83 0
closed, one place of 20 ms, on one CPU | - | - - | 0.882 | 238 23.2 | 714 714 | 0 | 0.573 3.45 0.0165 0 0 0.145 1.65 0.0303
closed, 2 places of 2 ms, single rows | - | - - | 0.88 | 8.45 0.735 | 32.7 27.3 | 0 | 1 3 0.0548 0 0 0.556 0.624 0.0276
closed, 4 places of 100 ms, one loop beside it | - | - - | 0.96 | 198 5.32 | 260 243 | 0 | 0.52 3.5 0.0268 0 0 0.178 0.72 0.166
100/s, one place of 20 ms, one loop beside it | 0.508 | 4580 4420 | 0.971 | 160 3.12 | 242 240 | 0 | 0.897 7.16 0.0714 7.94 0.114 0.422 1.45 0
2,000/s single rows, one place of 1 ms, in flight 1 | 0.76 | 6920 6900 | 0.767 | 1.59 0.241 | 5.77 4.38 | 0 | 2.01 5.22 0.0379 7.05 0.188 1.12 1.22 0.0298
`);
