// VS Code in a browser, with a profile of its own: started, looked at, typed into and ended.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { layout } from "./install.mjs";
import { maybe, until } from "./waiting.mjs";

/** Quiet and without any network; what pops up is what the test is about. */
const userSettings = {
    "chat.disableAIFeatures": true,
    "editor.accessibilitySupport": "off",
    // The word list would open over the suggestion and take the Tab key.
    "editor.wordBasedSuggestions": "off",
    "extensions.autoCheckUpdates": false,
    "extensions.autoUpdate": false,
    "extensions.ignoreRecommendations": true,
    "files.autoSave": "off",
    "git.enabled": false,
    "npm.fetchOnlinePackageInfo": false,
    "security.workspace.trust.enabled": false,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "window.commandCenter": false,
    "workbench.enableExperiments": false,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.settings.enableNaturalLanguageSearch": false,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": false,
};

const browserFlags = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Whatever the page asks for elsewhere is not found, without a look-up.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** A folder for one run: profile, extensions, Freehold's home and the workspace. Paths stay short for the sockets inside. */
export function makeRoom() {
    const root = join(tmpdir(), `fh-editor-${process.pid}-${Date.now().toString(36)}`);
    const room = {
        root,
        user: join(root, "user"),
        extensions: join(root, "ext"),
        home: join(root, "home"),
        workspace: join(root, "work"),
        machineSettings: join(root, "user/Machine/settings.json"),
        remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
    };
    for (const folder of [join(room.user, "User"), join(room.user, "Machine"), room.extensions, room.home, room.workspace]) {
        mkdirSync(folder, { recursive: true });
    }
    writeFileSync(join(room.user, "User/settings.json"), JSON.stringify(userSettings));
    writeFileSync(room.machineSettings, "{}");
    return room;
}

function codeServerOptions(room) {
    return [
        layout().codeServer,
        ...["--config", join(room.root, "config.yaml")],
        ...["--user-data-dir", room.user],
        ...["--extensions-dir", room.extensions],
        ...["--disable-telemetry", "--disable-update-check", "--disable-workspace-trust", "--disable-getting-started-override"],
    ];
}

/** The environment without proxies, with Freehold's home inside the room and `extra`. */
function environment(room, extra) {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(https?|all|no)_proxy$|^(FREEHOLD|VSCODE)_/i.test(name));
    return {
        ...Object.fromEntries(inherited),
        FREEHOLD_HOME: room.home,
        // The editor's sockets go with the room.
        TMPDIR: room.root,
        // A gallery that nobody listens at.
        EXTENSIONS_GALLERY: '{"serviceUrl":"http://127.0.0.1:9/"}',
        ...extra,
    };
}

/** Installs the VSIX into the room's profile; gives the program inside it. */
export function installExtension(room, vsix) {
    const options = [...codeServerOptions(room), "--install-extension", vsix];
    const result = spawnSync(layout().node, options, { env: environment(room, {}), encoding: "utf8" });
    const folder = readdirSync(room.extensions).find((name) => name.startsWith("freehold.freehold-"));
    if (result.status !== 0 || folder === undefined) {
        throw new Error(`cannot install \`${vsix}\`:\n${result.stdout}${result.stderr}`);
    }
    return join(room.extensions, folder, "server/freehold");
}

/** Runs the installed `freehold` in the room, or in another `cwd`, with `input`, and gives what it prints. */
export function runFreehold(room, program, options, { cwd = room.root, input } = {}) {
    const result = spawnSync(program, options, { env: environment(room, {}), cwd, input, encoding: "utf8" });
    if (result.status !== 0) throw new Error(`\`freehold ${options.join(" ")}\` failed:\n${result.stdout}${result.stderr}${result.error ?? ""}`);
    return result.stdout;
}

/** The processes `freehold engine` or `freehold lsp` that belong to the room, by their ids. */
export function processes(room, subcommand) {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
        try {
            const [, ...words] = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
            if (!words.includes(subcommand)) return [];
            const variables = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
            return variables.includes(`FREEHOLD_HOME=${room.home}`) ? [Number(name)] : [];
        } catch {
            // It ended between the listing and the look, or belongs to somebody else.
            return [];
        }
    });
}

/** Starts code-server on a free loopback port. */
export async function startServer(room, extra) {
    const options = [...codeServerOptions(room), "--auth", "none", "--bind-addr", "127.0.0.1:0"];
    // A group of its own, so that its children end with it.
    const child = spawn(layout().node, options, { env: environment(room, extra), detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    const address = await until("code-server listens", () => {
        if (child.exitCode !== null) throw new Error(`code-server ended:\n${output}`);
        return /HTTP server listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
    });
    return {
        address,
        output: () => output,
        async stop() {
            signalGroup(child.pid, "SIGTERM");
            await until("code-server has ended", () => child.exitCode !== null || child.signalCode !== null, 20_000).catch(() => signalGroup(child.pid, "SIGKILL"));
            for (const engine of processes(room, "engine")) process.kill(engine, "SIGKILL");
        },
    };
}

function signalGroup(leader, signal) {
    try {
        process.kill(-leader, signal);
    } catch {
        // The group is gone already.
    }
}

export async function startBrowser() {
    const { chromium } = await import(pathToFileURL(layout().playwright).href);
    const programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    const executablePath = process.env.FREEHOLD_TEST_BROWSER ?? programs.find((program) => existsSync(program));
    if (executablePath === undefined) throw new Error("cannot find Chromium; install it or name it in FREEHOLD_TEST_BROWSER");
    return chromium.launch({ executablePath, args: browserFlags });
}

const statusItem = '.statusbar-item[id="freehold.freehold.status"]';

/** One window: what a person sees and does in it. */
export class Window {
    constructor(page, room) {
        this.page = page;
        this.room = room;
        page.setDefaultTimeout(90_000);
    }

    /** Opens the room's workspace with one of its files in front. */
    static async open(browser, server, room, file, size = { width: 1100, height: 640 }) {
        const context = await browser.newContext({ viewport: size });
        const window = new Window(await context.newPage(), room);
        const host = new URL(server.address).host;
        const payload = JSON.stringify([["openFile", `vscode-remote://${host}${join(room.workspace, file)}`]]);
        const query = new URLSearchParams({ folder: room.workspace, payload });
        await window.page.goto(`${server.address}/?${query}`);
        await window.page.locator(".monaco-workbench .monaco-editor .view-lines").first().waitFor();
        return window;
    }

    async close() {
        await this.page.context().close();
    }

    /** Puts the cursor at the end of the text. */
    async focusEnd() {
        await this.page.locator(".monaco-editor .view-lines").first().click();
        await this.page.keyboard.press("Control+End");
    }

    /** Types at the pace of a quick person. */
    async type(text) {
        await this.page.keyboard.type(text, { delay: 40 });
    }

    async press(keys) {
        await this.page.keyboard.press(keys);
    }

    /** The suggestion on screen: what stands in the cursor's line, then the lines below; empty if there is none. */
    async ghostText() {
        const inside = await this.page.locator(".ghost-text-decoration").allTextContents();
        const below = await this.page.locator(".suggest-preview-text .view-line").allTextContents();
        return plain([inside.join(""), ...below].join("\n"));
    }

    /** Waits for a suggestion that `fits`. */
    async waitForGhost(fits = (text) => text !== "", limit = undefined) {
        let last = "";
        return until(`a suggestion shows (${fits})`, async () => {
            last = await this.ghostText();
            return fits(last) ? last : undefined;
        }, limit).catch((error) => {
            throw new Error(`${error.message}; on screen: ${JSON.stringify(last)}`);
        });
    }

    /** Text of the status bar item. */
    async status() {
        const item = this.page.locator(statusItem);
        return (await item.count()) === 0 ? "" : plain((await item.first().textContent()) ?? "").trim();
    }

    async waitForStatus(expected) {
        return until(`the status bar shows ${expected}`, async () => expected.test(await this.status()));
    }

    async clickStatus() {
        await this.page.locator(`${statusItem} a`).click();
    }

    /** The messages on screen, each with its buttons. */
    async messages() {
        const toasts = await this.page.locator(".notifications-toasts .notification-list-item").all();
        return Promise.all(
            toasts.map(async (toast) => ({
                text: plain(await toast.locator(".notification-list-item-message").innerText()),
                buttons: (await toast.locator(".notification-list-item-buttons-container .monaco-button").allInnerTexts()).map(plain),
                click: (button) => toast.locator(".monaco-button", { hasText: button }).click(),
            })),
        );
    }

    /** The lines of an open picker. */
    async picks() {
        return (await this.page.locator(".quick-input-list .monaco-list-row").allInnerTexts()).map((line) => plain(line).replaceAll("\n", " "));
    }

    /** Saves, and gives the file once it holds what the editor shows as saved. */
    async save(file, holds) {
        await this.press("Control+s");
        const path = join(this.room.workspace, file);
        return until(`\`${file}\` is saved`, () => {
            const text = readFileSync(path, "utf8");
            return holds(text) ? text : undefined;
        }).catch((error) => {
            throw new Error(`${error.message}; it holds ${JSON.stringify(readFileSync(path, "utf8"))}`);
        });
    }

    async screenshot(path) {
        const busy = this.page.locator(`${statusItem} .codicon-modifier-spin`);
        await maybe(async () => (await busy.count()) === 0, 5_000);
        // Animations are shown at their end, so that nothing is half faded in.
        await this.page.screenshot({ path, animations: "disabled" });
    }
}

/** Editors draw spaces as no-break spaces. */
function plain(text) {
    return text.replaceAll("\u00a0", " ").replaceAll("\u200c", "");
}
