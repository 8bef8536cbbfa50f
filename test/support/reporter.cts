// Mocha's spec reporter, and one last line that says how many tests passed, failed and were skipped.

import mocha = require("mocha");

class Reporter extends mocha.reporters.Spec {
  constructor(runner: mocha.Runner, options: mocha.MochaOptions) {
    super(runner, options);
    process.once("exit", () => {
      const { passes, failures, pending } = this.stats;
      process.stdout.write(`${passes} passed, ${failures} failed, ${pending} skipped\n`);
    });
  }
}

export = Reporter;
