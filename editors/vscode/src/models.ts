// The models that the server lists, and how the picker shows them.

/** One model that Freehold knows. */
export interface Model {
    /** Short name by which it is chosen, such as `qwen2.5-coder-0.5b`. */
    name: string;
    /** Name as its makers write it. */
    title: string;
    installed: boolean;
    /** Whether it is the one that completes code. */
    chosen: boolean;
    /** Size of its file in bytes, where it is known. */
    bytes?: number;
    /** Name of its licence, and whether that permits commercial use. */
    licence: string;
    commercialUse: boolean;
}

/** One line of the picker. */
export interface Choice {
    label: string;
    description: string;
    detail: string;
    model: Model;
}

/** Reads the answer to `freehold.listModels`; entries that are no models are left out. */
export function parseModels(value: unknown): Model[] {
    if (!Array.isArray(value)) return [];
    return value.flatMap((entry: unknown) => {
        if (typeof entry !== "object" || entry === null) return [];
        const { name, title, installed, chosen, bytes, licence, commercialUse } = entry as Record<string, unknown>;
        if (typeof name !== "string" || name === "") return [];
        return [
            {
                name,
                title: typeof title === "string" ? title : name,
                installed: installed === true,
                chosen: chosen === true,
                ...(typeof bytes === "number" ? { bytes } : {}),
                licence: typeof licence === "string" && licence !== "" ? licence : "licence unknown",
                commercialUse: commercialUse === true,
            },
        ];
    });
}

/** The picker's lines: installed models first, each group in the server's order. */
export function choices(models: readonly Model[]): Choice[] {
    const ordered = [...models.filter((model) => model.installed), ...models.filter((model) => !model.installed)];
    return ordered.map((model) => ({
        label: `$(${model.chosen ? "check" : model.installed ? "blank" : "cloud-download"}) ${model.name}`,
        description: model.title,
        detail: [model.installed ? "Installed" : "Not installed", ...terms(model)].join(" · "),
        model,
    }));
}

/** What a user weighs before getting a model: its size and its licence. */
export function terms(model: Model): string[] {
    return [
        ...(model.bytes === undefined ? [] : [size(model.bytes)]),
        model.licence,
        // A file of the user's own is the user's own affair.
        ...(model.commercialUse || model.installed ? [] : ["no commercial use"]),
    ];
}

/** A size in decimal units, as download pages show it. */
export function size(bytes: number): string {
    if (bytes >= 999.5e6) return `${(bytes / 1e9).toFixed(1)} GB`;
    return `${Math.max(1, Math.round(bytes / 1e6))} MB`;
}
