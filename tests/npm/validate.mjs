// Judges JSON against JSON Schema 2020-12 with ajv, strictly: a keyword that ajv does not know or
// that can have no effect is a fault too.
//
//   node validate.mjs NODE_MODULES <job
//
// The job is {"schemas": {NAME: schema}, "checks": [{"what", "schema": NAME, "value"}]}. Every schema
// is held to its meta-schema. Prints one line a fault and exits 1 when there is one.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve(process.argv[2], "ajv/package.json"));
const Ajv = require("ajv/dist/2020").default;

const job = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv({ strict: true, allErrors: true });
const faults = [];
const validators = new Map();
for (const [name, schema] of Object.entries(job.schemas)) {
  try {
    validators.set(name, ajv.compile(schema)); // holds it to the meta-schema first
  } catch (error) {
    faults.push(`${name}: ${error.message}`);
  }
}
for (const { what, schema, value } of job.checks) {
  const valid = validators.get(schema);
  if (!valid) {
    faults.push(`${what}: there is no schema ${schema} to judge it by`);
  } else if (!valid(value)) {
    faults.push(`${what}: no ${schema}: ${ajv.errorsText(valid.errors, { dataVar: "" })}`);
  }
}
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
