// Packages the extension for one platform, with the server inside: `npm run package -- --server FOLDER [--target T] [--out FILE]`.

import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const staging = join(root, "dist/package");

const { values: options } = parseArgs({
    options: {
        /** A folder made by `cargo xtask dist`: `freehold`, and its shared libraries in `lib/`. Else `server/` here. */
        server: { type: "string" },
        target: { type: "string", default: "linux-x64" },
        out: { type: "string" },
    },
});

// npm runs scripts in the package's folder; paths are meant from where the person stands.
const from = process.env.INIT_CWD ?? process.cwd();
const server = options.server === undefined ? join(root, "server") : resolve(from, options.server);
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const out = resolve(from, options.out ?? `freehold-${manifest.version}-${options.target}.vsix`);

stage();
stageServer();
run("bundle", [join(root, "scripts/build.mjs")], root);
cpSync(join(root, "dist/extension.js"), join(staging, "dist/extension.js"));
cpSync(join(root, "dist/ThirdPartyNotices.txt"), join(staging, "ThirdPartyNotices.txt"));
mkdirSync(dirname(out), { recursive: true });
const vsce = createRequire(import.meta.url).resolve("@vscode/vsce/vsce");
run("package", [vsce, "package", "--no-dependencies", "--allow-missing-repository", ...licence(), "--target", options.target, "--out", out], staging);

/** Copies the extension itself into an empty folder, so that nothing else gets in. */
function stage() {
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { recursive: true });
    // What serves development is of no use inside; vsce would also try to run the scripts.
    const published = Object.entries(manifest).filter(([name]) => !["scripts", "dependencies", "devDependencies"].includes(name));
    writeFileSync(join(staging, "package.json"), `${JSON.stringify(Object.fromEntries(published), null, 4)}\n`);
    copyFileSync(join(root, "README.md"), join(staging, "README.md"));
    mkdirSync(join(staging, "media"));
    for (const name of ["icon.png", "view.svg"]) copyFileSync(join(root, "media", name), join(staging, "media", name));
}

/** Copies the program and the shared libraries that it loads from beside itself. */
function stageServer() {
    const program = options.target.startsWith("win32") ? "freehold.exe" : "freehold";
    if (!existsSync(join(server, program))) fail(`\`${server}\` holds no \`${program}\`; make it with \`cargo xtask dist\``);
    mkdirSync(join(staging, "server/lib"), { recursive: true });
    copyFileSync(join(server, program), join(staging, "server", program));
    if ((statSync(join(staging, "server", program)).mode & 0o111) === 0) fail(`\`${join(server, program)}\` is not executable`);
    const libraries = join(server, "lib");
    if (!existsSync(libraries)) return;
    for (const name of readdirSync(libraries)) {
        // A package holds no links, so a library that is linked to under a second name is copied under both.
        if (/\.(so(\.[0-9]+)*|dylib|dll)$/.test(name)) copyFileSync(join(libraries, name), join(staging, "server/lib", name));
    }
}

/** The licence of the whole project goes into the package. */
function licence() {
    const file = join(root, "../../LICENSE");
    if (!existsSync(file)) return ["--skip-license"];
    copyFileSync(file, join(staging, "LICENSE"));
    return [];
}

function run(what, args, cwd) {
    const { status, error } = spawnSync(process.execPath, args, { cwd, stdio: "inherit" });
    if (status !== 0) fail(`cannot ${what} the extension${error ? `: ${error.message}` : ""}`);
}

function fail(problem) {
    console.error(`error: ${problem}`);
    process.exit(1);
}
