// Puts what the editor test needs (Node, code-server, playwright-core) into a cache folder outside the sources.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** Pinned: code-server runs on exactly one major version of Node and brings exactly one VS Code. */
const versions = {
    node: "24.21.0",
    npm: "11.19.1",
    codeServer: "4.139.1",
    playwright: "1.65.1",
};

/** The folder that holds everything, and where things lie in it. */
export function layout() {
    const root = process.env.FREEHOLD_TEST_CACHE
        ? resolve(process.env.FREEHOLD_TEST_CACHE)
        : resolve(here, "../../target/editor-test");
    const nodePackage = join(root, "node/node_modules", `node-${platform()}-${arch()}`);
    return {
        root,
        node: join(nodePackage, "bin/node"),
        npm: join(root, "node/node_modules/npm/bin/npm-cli.js"),
        npmCommands: join(root, "node/node_modules/.bin"),
        codeServer: join(root, "code-server/node_modules/code-server"),
        playwright: join(root, "playwright/node_modules/playwright-core/index.mjs"),
    };
}

/** The environment in which programs find the Node and npm of the cache before any other. */
export function environment() {
    const { node, npmCommands } = layout();
    return { ...process.env, PATH: [dirname(node), npmCommands, process.env.PATH].join(delimiter) };
}

/**
 * Installs what is not there yet and gives the layout.
 *
 * No package's install script runs and nothing is compiled: code-server's own script would build modules that need
 * a compiler and Kerberos headers, and what the test uses comes prebuilt or has a fallback (the editor logs nothing).
 */
export function install() {
    const places = layout();
    step("node", [versions.node, versions.npm], (folder) => {
        npmInstall("npm", [], process.env, folder, [`node-${platform()}-${arch()}@${versions.node}`, `npm@${versions.npm}`]);
    });
    step("playwright", [versions.playwright], (folder) => {
        npmInstall(places.node, [places.npm], environment(), folder, [`playwright-core@${versions.playwright}`]);
    });
    step("code-server", [versions.codeServer], (folder) => {
        npmInstall(places.node, [places.npm], environment(), folder, [`code-server@${versions.codeServer}`]);
        // The editor inside is a package of its own with a lock file of its own.
        npmInstall(places.node, [places.npm], environment(), join(places.codeServer, "lib/vscode"), ["--omit=dev"]);
    });
    return places;
}

/** Runs `make` in an empty folder of its own, unless it was finished there with the same versions before. */
function step(name, pins, make) {
    const stamp = pins.join(" ");
    const folder = join(layout().root, name);
    const stampFile = join(folder, "finished");
    if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // A package of its own: without it npm would look for one further up.
    writeFileSync(join(folder, "package.json"), '{"private":true}\n');
    console.log(`installing ${name} ${stamp}`);
    make(folder);
    writeFileSync(stampFile, stamp);
}

function npmInstall(program, before, env, folder, packages) {
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];
    const result = spawnSync(program, [...before, "install", ...options, ...packages], { cwd: folder, env, stdio: "inherit" });
    if (result.error) throw new Error(`cannot run \`${program}\`: ${result.error.message}; install Node.js with npm`);
    if (result.status !== 0) throw new Error(`\`npm install ${packages.join(" ")}\` failed in \`${folder}\``);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
    console.log(`editor test files are in ${install().root}`);
}
