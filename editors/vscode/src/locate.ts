// Which program is the language server: the one the user names, else the one inside the extension.

import { isAbsolute, join } from "node:path";

/** What stands at a path. */
export type Found = "program" | "notExecutable" | "nothing";

/** The program to start, or why there is none. */
export type Location = { kind: "program"; path: string } | { kind: "problem"; problem: string };

/** What `locate` looks at. */
export interface Surroundings {
    /** The setting `freehold.server.path`, as the user wrote it. */
    setting: string;
    extensionFolder: string;
    home: string;
    /** As Node names them: `linux`, `win32`; `x64`, `arm64`. */
    platform: string;
    architecture: string;
    look: (path: string) => Found;
}

/**
 * Finds the program. Notifications show plain text, so paths stand in plain quotes.
 *
 * The setting always wins: where it is wrong, that is said, and nothing else is tried.
 */
export function locate(around: Surroundings): Location {
    const setting = around.setting.trim();
    if (setting !== "") return named(setting, around);
    const file = around.platform === "win32" ? "freehold.exe" : "freehold";
    const path = join(around.extensionFolder, "server", file);
    switch (around.look(path)) {
        case "program":
            return { kind: "program", path };
        case "notExecutable":
            return problem(`"${path}" is not executable`);
        case "nothing":
            return problem(
                `this package of the extension holds no server for ${around.platform}-${around.architecture}; ` +
                    "install the package for it, or name a freehold program in the settings",
            );
    }
}

function named(setting: string, around: Surroundings): Location {
    const path = setting.startsWith("~/") ? join(around.home, setting.slice(2)) : setting;
    // A relative path would be looked up in the open folder, and a folder must not choose programs.
    if (!isAbsolute(path)) {
        return problem(`the setting freehold.server.path is "${setting}", which is no absolute path`);
    }
    switch (around.look(path)) {
        case "program":
            return { kind: "program", path };
        case "notExecutable":
            return problem(`"${path}", which the setting freehold.server.path names, is no executable file`);
        case "nothing":
            return problem(`the setting freehold.server.path names "${path}", and there is nothing there`);
    }
}

function problem(text: string): Location {
    return { kind: "problem", problem: text };
}
