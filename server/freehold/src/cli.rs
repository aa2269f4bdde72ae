//! The command line: every subcommand and its arguments, nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::terminal::Kind;

/// The coding assistant that you own: autocomplete by a local model, in your editor.
#[derive(Debug, Parser)]
#[command(name = "freehold", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Language server on standard input and output; an editor starts it
    Lsp(LspArguments),
    /// Engine process: holds the model; started on demand, ends when idle
    Engine(EngineArguments),
    /// Open the engine to other tools on a loopback port, with a token
    Serve(ServeArguments),
    /// List, get, add, remove and choose models
    Models(ModelsArguments),
    /// Print the suggestion at a place in a file
    Complete(CompleteArguments),
    /// Show or erase the record of what became of suggestions
    Suggestions(SuggestionsArguments),
    /// Put a patch up for review; nothing is written before you keep it
    Propose(ProposeArguments),
    /// Show what waits for your decision, or what a step did
    Diff(DiffArguments),
    /// Keep hunks that wait: they are written at once, all or nothing
    Keep(KeepArguments),
    /// Drop hunks that wait
    Drop(PickArguments),
    /// Take back what was kept; what you changed since is merged, never overwritten
    Undo(BackArguments),
    /// Do again what was taken back
    Redo(BackArguments),
    /// List what was kept and taken back
    Checkpoints(CheckpointsArguments),
    /// Show the audit log, or verify that nothing of it was changed
    Audit(AuditArguments),
    /// Say what is installed, what is wrong and how to mend it
    Doctor(DoctorArguments),
    /// Measure this machine
    Bench(BenchArguments),
    /// Score suggestions by running the programs that come of them
    Eval(EvalArguments),
}

#[derive(Debug, Args)]
pub struct LspArguments {}

#[derive(Debug, Args)]
pub struct EngineArguments {
    /// Answer from this script instead of a model (for tests)
    #[arg(long, value_name = "FILE")]
    pub scripted: Option<PathBuf>,
    /// Hold this installed model instead of the chosen one
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Put the socket into this folder instead of the user's runtime folder
    #[arg(long, value_name = "FOLDER")]
    pub run_folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Loopback port; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

#[derive(Debug, Args)]
pub struct ModelsArguments {
    #[command(subcommand)]
    pub command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models that Freehold knows and those that are installed
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a model of the catalogue
    Get {
        /// Name, as `freehold models list` shows it
        name: String,
        /// Accept the licence without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Add a GGUF file that is already on this machine
    Add {
        /// The file; it is linked, not copied, when that can be done
        file: PathBuf,
        /// Name to give it; else that of the catalogue or of the file
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove an installed model
    Remove {
        /// Name, as `freehold models list` shows it
        name: String,
    },
    /// Choose the model that completes code
    Use {
        /// Name, as `freehold models list` shows it
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct CompleteArguments {
    /// Where: line and column count from 1, the column in characters
    #[arg(value_name = "FILE:LINE:COL")]
    pub place: String,
    /// Print JSON with usage and times
    #[arg(long)]
    pub json: bool,
    /// Print what the model is shown, part by part, and where each part comes from
    #[arg(long, conflicts_with = "json")]
    pub show_prompt: bool,
    /// Use this installed model instead of the chosen one
    #[arg(long)]
    pub model: Option<String>,
}

/// Which workspace a command is for.
#[derive(Debug, Args)]
pub struct WorkspaceArguments {
    /// Root of the workspace; else the folder above that an editor has open, or that holds `.git`, or this one
    #[arg(long, global = true, value_name = "FOLDER")]
    pub workspace: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ProposeArguments {
    /// The patch, a unified diff; standard input without it
    pub patch: Option<PathBuf>,
    /// What it is for, in one line
    #[arg(long, default_value = "A patch")]
    pub title: String,
    /// Who proposes it
    #[arg(long, default_value = "terminal")]
    pub origin: String,
    /// Run this command against the files as they would be, and say whether it passes
    #[arg(long, value_name = "COMMAND")]
    pub check: Option<String>,
    /// Run this command (a compiler, a linter) against the files as they are and as they would be; say which of
    /// the errors and warnings that it prints are new and which gone, and fail if any is new
    #[arg(long, value_name = "COMMAND")]
    pub diagnose: Option<String>,
    /// End these commands after so long; else `review.command_seconds_max` of your settings, 600
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub time_limit: Option<u32>,
    /// The session that it comes from, for `freehold undo --session` and for the record
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,
    /// The run within the session, for `freehold undo --run`; else it is a run of its own
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// The model that wrote it: its name, or the SHA-256 of its file
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// What the model was asked; its SHA-256 goes on record, not its text
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    #[command(flatten)]
    pub workspace: WorkspaceArguments,
}

#[derive(Debug, Args)]
pub struct DiffArguments {
    /// Show what this step did
    #[arg(long)]
    pub step: Option<u64>,
    /// Print a patch of all that waits, without names of hunks
    #[arg(long, conflicts_with = "step")]
    pub patch: bool,
    #[command(flatten)]
    pub workspace: WorkspaceArguments,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("pick").required(true).args(["hunks", "file", "change", "all"])))]
pub struct PickArguments {
    /// Names of hunks, as `freehold diff` shows them
    pub hunks: Vec<String>,
    /// All hunks of this file
    #[arg(long, value_name = "PATH")]
    pub file: Option<String>,
    /// All hunks of this change
    #[arg(long, value_name = "NAME")]
    pub change: Option<String>,
    /// All hunks
    #[arg(long)]
    pub all: bool,
    /// The hunk, and those that do the same
    #[arg(long, requires = "hunks", conflicts_with = "together")]
    pub alike: bool,
    /// The hunk, and those that stand or fall with it
    #[arg(long, requires = "hunks")]
    pub together: bool,
    #[command(flatten)]
    pub workspace: WorkspaceArguments,
}

#[derive(Debug, Args)]
pub struct KeepArguments {
    #[command(flatten)]
    pub pick: PickArguments,
    /// Keep the hunk with the text in this file instead of its own, or in standard input (`-`)
    #[arg(long = "as", value_name = "FILE", requires = "hunks", conflicts_with_all = ["alike", "together"])]
    pub text: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct BackArguments {
    /// This step instead of the latest
    #[arg(long)]
    pub step: Option<u64>,
    /// All steps of its run
    #[arg(long, conflicts_with_all = ["session", "hunk"])]
    pub run: bool,
    /// All steps of its session
    #[arg(long, conflicts_with = "hunk")]
    pub session: bool,
    /// Only this hunk of it, counted from 1 within the file
    #[arg(long, value_name = "NUMBER")]
    pub hunk: Option<usize>,
    /// The file of the hunk, if the step has several
    #[arg(long, value_name = "PATH", requires = "hunk")]
    pub file: Option<String>,
    #[command(flatten)]
    pub workspace: WorkspaceArguments,
}

#[derive(Debug, Args)]
pub struct CheckpointsArguments {
    #[command(flatten)]
    pub workspace: WorkspaceArguments,
}

#[derive(Debug, Args)]
pub struct AuditArguments {
    #[command(subcommand)]
    pub command: AuditCommand,
    #[command(flatten)]
    pub workspace: WorkspaceArguments,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show every record; or of a file, who and what stands behind each of its lines
    Show {
        /// A file of the workspace by its path in it, or one line of it
        #[arg(value_name = "PATH[:LINE]")]
        place: Option<String>,
    },
    /// Say whether the log is as it was left, and the record of requests to models
    Verify,
    /// Show the record of requests to models, of all workspaces: who was asked when, and a digest of what
    Requests,
}

#[derive(Debug, Args)]
pub struct SuggestionsArguments {
    #[command(subcommand)]
    pub command: SuggestionsCommand,
}

#[derive(Debug, Subcommand)]
pub enum SuggestionsCommand {
    /// Print the record
    Show {
        /// Print JSON, one record a line
        #[arg(long)]
        json: bool,
    },
    /// Erase the record, and with it what Freehold has learnt from it
    Forget,
}

#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    pub command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Prompt and generation tokens per second
    Engine {
        /// Installed model; else the chosen one
        #[arg(long)]
        model: Option<String>,
        /// GGUF file to measure instead of an installed model
        #[arg(long, conflicts_with = "model")]
        file: Option<PathBuf>,
        /// Threads; else as many as the engine itself would use
        #[arg(long)]
        threads: Option<u32>,
        /// Tokens of the prompt
        #[arg(long, default_value_t = 512)]
        prompt_tokens: u32,
        /// Tokens to generate
        #[arg(long, default_value_t = 128)]
        generated_tokens: u32,
        /// Repetitions
        #[arg(long, default_value_t = 5)]
        repetitions: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Recorded editing sessions, key by key, through the language server and through llama-server
    Replay(ReplayArguments),
    /// What other programs on the same cores cost: the threads chosen by the engine against fixed numbers
    Contention {
        /// Installed model; else the chosen one
        #[arg(long)]
        model: Option<String>,
        /// GGUF file to measure instead of an installed model
        #[arg(long, conflicts_with = "model")]
        file: Option<PathBuf>,
        /// Most busy loops to run beside it
        #[arg(long, default_value_t = 2)]
        busy_max: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct EvalArguments {
    #[command(subcommand)]
    pub command: EvalCommand,
}

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Fill in what is missing in programs with tests, and run the tests
    Fim(FimArguments),
    /// Run the programs with what really stood there: all must pass
    Check(CaseArguments),
    /// Print the table of a file of scores; no model is asked
    Report(ReportArguments),
    /// Fit the weights by which suggestions are shown to answers whose outcome is known; no model is asked
    Gate(GateArguments),
}

#[derive(Debug, Args)]
pub struct FimArguments {
    #[command(flatten)]
    pub cases: CaseArguments,
    /// Ask this installed model instead of the chosen one
    #[arg(long)]
    pub model: Option<String>,
    /// Ask this llama-server too, with the same model, as llama.vscode asks it
    #[arg(long, value_name = "PROGRAM")]
    pub peer: Option<PathBuf>,
    /// Reach the cases with a part of the line typed by typing it too, with keys moved instead of evaluated anew
    #[arg(long)]
    pub incremental: bool,
    /// Keep each score in this file as it comes; what stands there already is not asked again
    #[arg(long, value_name = "FILE")]
    pub scores: Option<PathBuf>,
    /// Ask again what stands there already, and say which cases got better and which worse
    #[arg(long, requires = "scores")]
    pub again: bool,
    /// Add every answer to this file as it comes, as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Scores that `eval fim --scores` has kept
    pub file: PathBuf,
    /// Say which cases are better and which worse than in these scores
    #[arg(long, value_name = "OLD")]
    pub compare: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct GateArguments {
    /// Answers that `eval fim --answers` has written
    #[arg(long, value_name = "FILE")]
    pub answers: PathBuf,
}

#[derive(Debug, Args)]
pub struct CaseArguments {
    /// Only cases of this kind; may be given again
    #[arg(long, value_enum)]
    pub kind: Vec<Kind>,
    /// At most so many cases of each kind
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub cases: usize,
    /// Only cases with this text in their name
    #[arg(long, value_name = "TEXT")]
    pub named: Option<String>,
    /// Decides which cases are taken first, and what the peer draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The folder that holds the cases
    #[arg(long, value_name = "FOLDER", default_value = "tests/eval")]
    pub data: PathBuf,
    /// Run generated programs as you, with all that you may do, where they cannot be confined
    #[arg(long)]
    pub unconfined: bool,
}

#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Folder with the traces
    #[arg(long, value_name = "FOLDER", default_value = "tests/replay/traces")]
    pub folder: PathBuf,
    /// Play so many traces, spread over the languages; else all
    #[arg(long, value_name = "COUNT")]
    pub traces: Option<usize>,
    /// Leave out the first so many of these: those that something was tuned on
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub skip: usize,
    /// Installed model; else the chosen one
    #[arg(long)]
    pub model: Option<String>,
    /// Threads of both sides; else as many as each picks
    #[arg(long)]
    pub threads: Option<u32>,
    /// The program llama-server, to play the same as llama.vscode would
    #[arg(long, value_name = "PROGRAM")]
    pub peer: Option<PathBuf>,
    /// Completions that the peer asks for at once; else as many as llama.vscode does
    #[arg(long, value_name = "COUNT", requires = "peer")]
    pub peer_completions: Option<u32>,
    /// Program of the engine process; else this one
    #[arg(long, value_name = "PROGRAM")]
    pub engine: Option<PathBuf>,
    /// Play so many traces once more while an agent generates
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub agent_traces: usize,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write every key, request and suggestion to this file, a line each
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}
