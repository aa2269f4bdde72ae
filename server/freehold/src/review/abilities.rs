//! What the editor can do, as far as a review needs it.

use serde_json::Value;

/// What the editor can do. The terminal, which is none, can do nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Change documents when asked to, and refuse when the version is not the one that was meant.
    pub edits_documents: bool,
    /// Show each edit for confirmation before it is made.
    pub confirms_edits: bool,
    /// Make, move and delete files as parts of such an edit.
    pub edits_files: bool,
    /// Take code actions with titles and kinds; without, they are bare commands.
    pub literal_actions: bool,
    /// Ask again for what stands above the lines.
    pub refreshes_lenses: bool,
    /// Ask again for virtual documents.
    pub refreshes_content: bool,
    /// Open a document when asked to.
    pub shows_documents: bool,
    /// Watch files when asked to.
    pub watches_files: bool,
}

impl Abilities {
    /// Reads the capabilities of a client, as `initialize` has them.
    #[must_use]
    pub fn read(capabilities: &Value) -> Self {
        let has = |pointer: &str| capabilities.pointer(pointer) == Some(&Value::Bool(true));
        let some = |pointer: &str| {
            capabilities
                .pointer(pointer)
                .is_some_and(|value| !value.is_null())
        };
        let resources = capabilities
            .pointer("/workspace/workspaceEdit/resourceOperations")
            .and_then(Value::as_array);
        let edits_files = resources.is_some_and(|kinds| {
            ["create", "rename", "delete"]
                .iter()
                .all(|kind| kinds.iter().any(|known| known == kind))
        });
        // Files are made and moved by versioned edits only: Neovim says the one and means both.
        let versioned = has("/workspace/workspaceEdit/documentChanges")
            || resources.is_some_and(|kinds| !kinds.is_empty());
        Self {
            edits_documents: has("/workspace/applyEdit") && versioned,
            confirms_edits: some("/workspace/workspaceEdit/changeAnnotationSupport"),
            edits_files,
            literal_actions: some("/textDocument/codeAction/codeActionLiteralSupport"),
            refreshes_lenses: has("/workspace/codeLens/refreshSupport"),
            refreshes_content: some("/workspace/textDocumentContent"),
            shows_documents: has("/window/showDocument/support"),
            watches_files: has("/workspace/didChangeWatchedFiles/dynamicRegistration"),
        }
    }
}
