//! Documents, versions, positions and edits; knows neither files nor LSP nor models.
