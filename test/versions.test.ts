// The default command on ClickHouse of other versions than the embedded one.

import { expect } from "chai";
import { describeOn, SUITE } from "./support/versions.js";

for (const version of SUITE) {
  describeOn(version, (server) => {
    it("is the version that it is taken for", async () => {
      expect(await server().ask("SELECT version()")).to.match(new RegExp(`^${version.replace(".", "\\.")}\\.`));
    });
  });
}
