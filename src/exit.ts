// What the program ends with, in the order in which they apply; signals end it with 128 and their number.

export const EXIT = { done: 0, incomplete: 1, badOptions: 2, noTarget: 3, crossed: 99, unjudged: 98 } as const;
