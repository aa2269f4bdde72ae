//! pending
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Features;
#[derive(Debug, Clone, Default)]
pub struct Gate;
#[derive(Debug, Clone, Default)]
pub struct Surroundings { pub documents: Vec<Neighbour>, pub places: Vec<Place>, pub edits: Vec<RecentEdit> }
#[derive(Debug, Clone)]
pub struct Neighbour { pub path: String, pub language: String, pub text: ropey::Rope }
#[derive(Debug, Clone)]
pub struct Place { pub path: String, pub line: usize }
#[derive(Debug, Clone)]
pub struct RecentEdit { pub path: String, pub before: String, pub after: String }
