//! The world as a trait: files, processes, environment, clock; real and in memory.
