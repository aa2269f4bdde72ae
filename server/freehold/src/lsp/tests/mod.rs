//! The language server, tested through an editor in memory.

mod ahead;
mod desk;
mod elsewhere;
mod hostile;
mod ignored;
mod order;
mod reading;
mod review;
mod review_files;
mod review_refusals;
mod review_stories;
mod reviewer;
mod status;
mod suggestions;
mod switches;
mod typing;
mod typist;
mod waiting;
