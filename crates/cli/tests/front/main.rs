//! Real, unmodified programs on the run front: each test says what the program printed and returned.

mod around;
mod bad_input;
mod clients;
mod contracts;
mod killed;
mod policies;
mod removal;
mod stage;
mod status;
mod ways;
