/**
 * Writes the type declarations of the package: one file for each module that the public types need,
 * and no others. Members marked `@internal` are left out.
 *
 * @module
 */
import ts from "typescript";

const OPTIONS: ts.CompilerOptions = {
  declaration: true,
  emitDeclarationOnly: true,
  stripInternal: true,
  // `deno check` checks the sources. Here only what is written in them counts.
  noCheck: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  types: [],
};

/**
 * Writes the declarations of the modules `entries`, and of what these import, below the folder `out`.
 * `root` is the folder of the sources, whose structure `out` gets.
 *
 * @throws {Error} a declaration imports something outside `root`
 */
export async function writeDeclarations(
  root: string,
  entries: readonly string[],
  out: string,
): Promise<void> {
  const program = ts.createProgram(entries.map((entry) => `${root}${entry}`), OPTIONS);
  const pending = [...entries];
  for (const module of pending) {
    const text = declarationOf(program, `${root}${module}`);
    const imports = text.matchAll(/\bfrom "(\.[^"]+)\.ts"/g);
    for (const [, specifier] of imports) {
      const target = new URL(`${specifier}.ts`, `file:///${module}`).pathname.slice(1);
      if (new URL(`${specifier}.ts`, `file://${root}${module}`).pathname !== `${root}${target}`) {
        throw new Error(`the declarations of ${module} need ${specifier}.ts, which is not public`);
      }
      if (!pending.includes(target)) pending.push(target);
    }
    const path = `${out}/${module.replace(/\.ts$/, ".d.ts")}`;
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, text.replace(/(\bfrom "\.[^"]+)\.ts"/g, '$1.js"'));
  }
}

function declarationOf(program: ts.Program, path: string): string {
  let text: string | undefined;
  program.emit(program.getSourceFile(path), (_, written) => text = written, undefined, true);
  if (text === undefined) throw new Error(`${path} has no declarations`);
  return text;
}
