//! `completions` and `man`.
