import assert from "node:assert/strict";
import { affordableConnections, openFilesLimit } from "./open_files.ts";

const limits = (hard: string) =>
  `Limit                     Soft Limit           Hard Limit           Units     
Max processes             95939                95939                processes 
Max open files            1024                 ${hard.padEnd(20)} files     
Max locked memory         65536                65536                bytes     
`;

Deno.test("the limit of open files is the hard one", () => {
  assert.equal(openFilesLimit(limits("524288")), 524_288);
  assert.equal(openFilesLimit(limits("unlimited")), null);
  assert.equal(openFilesLimit(""), null, "not Linux");
  if (Deno.build.os === "linux") assert.ok(openFilesLimit()! > 0);
});

Deno.test("a gateway gets no more connections than files, less a reserve", () => {
  assert.equal(affordableConnections(15_000, null), 15_000);
  assert.equal(affordableConnections(15_000, 20_000), 15_000);
  assert.equal(affordableConnections(15_000, 4_096), 3_596);
  assert.equal(affordableConnections(15_000, 256), 1);
});
