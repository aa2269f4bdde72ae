// Bundles the extension, or with `--tests` its unit tests, into `dist/`.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tests = process.argv.includes("--tests");

const common = {
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    // The oldest editor that we promise to run in brings Node 20.
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    logLevel: "warning",
};

if (tests) {
    rmSync(join(root, "dist/test"), { recursive: true, force: true });
    const entryPoints = readdirSync(join(root, "test")).map((name) => join("test", name));
    await build({ ...common, entryPoints, outdir: "dist/test", sourcemap: "inline" });
} else {
    const bundle = { entryPoints: ["src/extension.ts"], outfile: "dist/extension.js", minify: true, metafile: true };
    const { metafile } = await build({ ...common, ...bundle });
    writeFileSync(join(root, "dist/ThirdPartyNotices.txt"), notices(Object.keys(metafile.inputs)));
}

/** The licences of the packages that went into the bundle, which their terms want passed on. */
function notices(inputs) {
    const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []);
    const texts = [...new Set(folders)].sort().map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
        const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
        if (file === undefined) throw new Error(`\`${folder}\` has no licence text to pass on`);
        return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), "utf8").trim()}\n`;
    });
    return texts.join(`\n${"-".repeat(80)}\n\n`);
}
