//! From a cursor to a suggestion: decide, gather, render, finish. Pure: no LSP, threads, clock or disk.
