// The terminal in which a model is downloaded: seen by the user, answered by the user, open as long as it has news.

/** What a terminal runs. */
export interface TerminalCommand {
    shellPath: string;
    /** A text is handed on as it stands, which only Windows knows. */
    shellArgs: string[] | string;
}

/** Names of models, as they may stand in a command. */
const nameForm = /^[\w][\w.:-]*$/;

/**
 * Runs `PROGRAM models get NAME`, and ends with its success. After a failure the terminal waits for a key, since the
 * editor closes it at its end, and with it would go what the program said. Undefined for what is no name of a model.
 */
export function download(platform: string, program: string, name: string): TerminalCommand | undefined {
    if (!nameForm.test(name)) return undefined;
    if (platform === "win32") {
        return { shellPath: "cmd.exe", shellArgs: `/d /s /c ""${program}" models get ${name} || (pause & exit 1)"` };
    }
    const script = '"$0" models get "$1" && exit; printf "\\nEnter closes this terminal. "; read -r _; exit 1';
    return { shellPath: "/bin/sh", shellArgs: ["-c", script, program, name] };
}
