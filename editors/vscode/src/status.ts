// The server's state, as it tells it in `freehold/status`, and how the status bar shows it.

/** Name of the notification by which the server tells its state. */
export const statusMethod = "freehold/status";

const states = ["starting", "loading", "ready", "working", "noModel", "noEngine", "off", "snoozed", "error"] as const;

/** One of the states that the server knows. */
export type State = (typeof states)[number];

/** What `freehold/status` carries. */
export interface Status {
    state: State;
    /** Name of the model in use. */
    model?: string;
    /** A sentence for the user. */
    message?: string;
    /** How much of the model is loaded, 0 to 1. */
    fraction?: number;
}

/** What the status bar item shows. */
export interface View {
    text: string;
    tooltip: string;
    severity: "none" | "warning" | "error";
    /** Read out by screen readers, which would spell out the icon. */
    label: string;
}

/** Reads the notification; undefined if it is none that this version knows. */
export function parseStatus(value: unknown): Status | undefined {
    if (typeof value !== "object" || value === null) return undefined;
    const { state, model, message, fraction } = value as Record<string, unknown>;
    const known = states.find((candidate) => candidate === state);
    if (known === undefined) return undefined;
    return {
        state: known,
        ...(typeof model === "string" && model !== "" ? { model } : {}),
        ...(typeof message === "string" && message !== "" ? { message } : {}),
        ...(typeof fraction === "number" && fraction >= 0 && fraction <= 1 ? { fraction } : {}),
    };
}

/** How the status bar shows `status`. */
export function view(status: Status): View {
    const name = status.model ?? "Freehold";
    switch (status.state) {
        case "starting":
            return shown("loading~spin", "Freehold", "The server is starting.", status);
        case "loading":
            return shown("loading~spin", `${name}${percent(status.fraction)}`, "The model is loading.", status);
        case "ready":
            return shown("sparkle", name, "Ready.", status);
        case "working":
            return shown("sync~spin", name, "Working.", status);
        case "noModel":
            return shown("warning", "Freehold: no model", "No model is installed. Click to get one.", status, "warning");
        case "noEngine":
            return shown("error", "Freehold: no engine", "The engine cannot be started.", status, "error");
        case "off":
            return shown("circle-slash", "Freehold: off", "Suggestions are off.", status);
        case "snoozed":
            return shown("bell-slash", "Freehold: snoozed", "Suggestions come only when you ask for one.", status);
        case "error":
            return shown("error", "Freehold: error", "Something went wrong; the log says more.", status, "error");
    }
}

function shown(icon: string, text: string, sentence: string, status: Status, severity: View["severity"] = "none"): View {
    const about = status.message ?? sentence;
    const model = status.model === undefined ? "" : `${status.model}\n`;
    return { text: `$(${icon}) ${text}`, tooltip: `Freehold\n${model}${about}`, severity, label: `${text}. ${about}` };
}

function percent(fraction: number | undefined): string {
    return fraction === undefined ? "" : ` ${Math.round(fraction * 100)} %`;
}
