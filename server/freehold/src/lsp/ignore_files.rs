//! How it is heard that a file was changed that says what is kept from the model.

use serde_json::json;
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{DidSaveTextDocumentParams, Registration};

use super::event::Event;
use super::excluded::IGNORE_FILES;
use super::handlers::Handlers;
use crate::review::uri;

/// Has the editor watch them, wherever they lie.
pub async fn watch(client: Client) {
    let watchers = IGNORE_FILES.map(|name| json!({ "globPattern": format!("**/{name}") }));
    let registration = Registration {
        id: "freehold-ignore-files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: Some(json!({ "watchers": watchers })),
    };
    // What is saved in the editor is told without that.
    let _refused = client.register_capability(vec![registration]).await;
}

impl Handlers {
    /// `textDocument/didSave`.
    pub async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.heed_ignore_files(&[params.text_document.uri.to_string()]);
    }

    /// Tells the session if one of the files `uris`, which were changed, is an ignore file.
    pub fn heed_ignore_files(&self, uris: &[String]) {
        if uris.iter().any(|uri| is_ignore_file(uri)) {
            self.events().push(Event::IgnoreFilesChanged);
        }
    }
}

fn is_ignore_file(uri: &str) -> bool {
    let place = uri::place(uri);
    let name = place.rsplit('/').next();
    name.is_some_and(|name| IGNORE_FILES.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignore_files_are_known_by_their_whole_name() {
        let cases = [
            ("file:///w/.gitignore", true),
            ("file:///w/a/.freeholdignore", true),
            ("file:///w/%2Efreeholdignore", true),
            ("file:///w/x.gitignore", false),
            ("file:///w/.gitignore/a.rs", false),
        ];
        for (uri, expected) in cases {
            assert_eq!(is_ignore_file(uri), expected, "{uri}");
        }
    }
}
