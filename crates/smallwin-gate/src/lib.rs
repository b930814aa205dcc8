//! Which bytes may touch Automerge: bounded parsing and admission of changes from strangers.
