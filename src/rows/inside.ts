// What a type is made of. Pure. Called by program.ts and facts.ts.

import type { Type } from "./type.js";

/** Whether it, or one of the types it is made of, is such a one. `isInMap`: of one that lies in a Map, however deep. */
export function holds(type: Type, isIt: (type: Type, isInMap: boolean) => boolean, isInMap = false): boolean {
  return isIt(type, isInMap) || partsOf(type).some((part) => holds(part, isIt, isInMap || type.kind === "Map"));
}

/** None of a JSON, whatever types its paths have: it goes as a whole. */
function partsOf(type: Type): readonly Type[] {
  switch (type.kind) {
    case "Nullable":
    case "LowCardinality":
    case "Array":
      return [type.of];
    case "Tuple":
      return type.elements.map((element) => element.type);
    case "Map":
      return [type.key, type.value];
    case "Variant":
      return type.of;
    default:
      return [];
  }
}
