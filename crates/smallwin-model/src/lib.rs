//! What a Small Win is: the schema and typed view over Automerge documents, and their canonical rendering.
