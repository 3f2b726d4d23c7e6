// Bundles our own code; packages stay external so that a dependency is patched by `npm ci`, not by a rebuild.
import { build } from "esbuild";

await build({
  entryPoints: ["src/node.ts", "src/cli.ts", "src/store/embedded-worker.ts"],
  entryNames: "[name]",
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  platform: "node",
  format: "esm",
  target: "node22",
  packages: "external",
  loader: { ".sql": "text" },
  sourcemap: true,
  logLevel: "warning",
});
