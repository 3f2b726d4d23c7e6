// Bundles our own code; packages stay external so that a dependency is patched by `npm ci`, not by a rebuild.
// `--programs` adds the long test programs (kill -9, bench), which run outside vitest.
// `--image` makes dist/image instead: everything but the embedded database in a few bundles, for a container without node_modules.
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const isImage = process.argv.includes("--image");
const programs = process.argv.includes("--programs")
  ? ["test/kill-driver.ts", "test/kill-child.ts", "test/bench.ts", "test/close-bench.ts", "test/wrangler-drive.ts"]
  : [];
const outdir = isImage ? "dist/image/dist" : "dist";
/** The embedded database reads its own files: it stays a package. */
const embedded = ["@electric-sql/pglite"];
const bundled = {
  external: embedded,
  minify: true,
  // Some packages still ask for `require`.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
};

if (isImage) rmSync("dist/image", { recursive: true, force: true });
await build({
  entryPoints: ["src/cli.ts", "src/store/embedded-worker.ts", ...programs],
  entryNames: "[name]",
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  platform: "node",
  format: "esm",
  target: "node22",
  ...(isImage ? bundled : { packages: "external" }),
  loader: { ".sql": "text" },
  sourcemap: true,
  logLevel: "warning",
});
if (isImage) {
  for (const name of embedded) cpSync(`node_modules/${name}`, `dist/image/node_modules/${name}`, { recursive: true });
  mkdirSync("dist/image/examples", { recursive: true });
  cpSync("examples", "dist/image/examples", { recursive: true });
  const { name, version, type } = JSON.parse(readFileSync("package.json", "utf8"));
  writeFileSync("dist/image/package.json", JSON.stringify({ name, version, type, private: true }));
}

// `npx cosell` in a clone runs this file itself.
chmodSync(`${outdir}/cli.mjs`, 0o755);
