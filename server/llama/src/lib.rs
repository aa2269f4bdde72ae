//! The engine contract fulfilled by llama.cpp: the only unsafe code, the only C++.
